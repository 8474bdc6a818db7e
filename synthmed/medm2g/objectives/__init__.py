"""What each stage of MedM2G minimises: a `synthmed.training.objective.Objective` a file."""

"""From a recipe to a trained MedM2G model folder."""

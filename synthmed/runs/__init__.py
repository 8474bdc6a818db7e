"""A run of several training stages, whatever they train: what both papers' trainings share."""

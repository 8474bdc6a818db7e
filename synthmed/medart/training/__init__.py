"""Med-Art's training: from a recipe to a model folder, through the autoencoder, the base and the adapters."""

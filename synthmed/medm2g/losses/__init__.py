"""The losses of MedM2G's stages: pure functions of tensors, one a file."""

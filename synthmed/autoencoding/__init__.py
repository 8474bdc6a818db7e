"""Training an image autoencoder: its losses, and the objectives of images and label maps. Knows no paper's flows."""

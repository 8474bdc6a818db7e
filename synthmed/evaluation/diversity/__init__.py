"""How much the images of a set differ from one another."""

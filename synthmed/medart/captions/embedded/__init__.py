"""A describer without weights: measures on the pixels, and words for them."""

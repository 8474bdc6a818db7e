"""Whether an image shows what its labels, mask, boxes and text say."""

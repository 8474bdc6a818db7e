"""Med-Art: descriptions of images, PixArt-α with LoRA, and fine-tuning at the level of pixels (2506.20449)."""

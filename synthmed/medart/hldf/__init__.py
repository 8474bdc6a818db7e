"""Hybrid-Level Diffusion Fine-tuning: a colour loss on images that are generated in training."""

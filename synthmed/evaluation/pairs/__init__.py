"""Synthetic images beside the real ones that they stand for: PSNR, SSIM, NIQE."""

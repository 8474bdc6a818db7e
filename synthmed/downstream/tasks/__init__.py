"""The three tasks: classification, segmentation, detection."""

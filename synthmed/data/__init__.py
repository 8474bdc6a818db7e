"""Real data in: sources, transforms, splits."""

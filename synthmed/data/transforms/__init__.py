"""MONAI dictionary transforms for records' items, beside MONAI's own: what medical images need and MONAI has not."""

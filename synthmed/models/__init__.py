"""Networks only: no losses, no loops, no file formats."""

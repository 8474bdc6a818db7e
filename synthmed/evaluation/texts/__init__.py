"""Synthetic texts: words shared with the real one, labels that they name, variety, length."""

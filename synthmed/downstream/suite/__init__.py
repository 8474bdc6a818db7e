"""Suites: what is trained on what, for which tasks, run and told as one report."""

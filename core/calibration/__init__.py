"""Fitting the confidence on held-out photos with ground truth, never on test photos."""

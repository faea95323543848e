"""Fitting what trust applies: on held-out photos with known truth, never on test photos."""

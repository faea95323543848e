"""Refinement by training photos: the gallery, its neighbours, and baselines without training."""

"""Comparison: models on the photos that all of them were judged on, with paired intervals."""

"""Deletion of runs, models and data sets: what goes with each is named first, then goes at once."""

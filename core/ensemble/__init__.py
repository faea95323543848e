"""Ensembles: several runs of one split, weighed on validation and saved as one model."""

"""Ensembles: several runs of one split, weighted on validation and saved as one model."""

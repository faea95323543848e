"""The Runs page: runs, cross-validations and ensembles side by side."""

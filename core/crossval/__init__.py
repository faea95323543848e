"""Cross-validation: every photo predicted by a model that was not trained on it."""

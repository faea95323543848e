"""Cross-validation: every photo judged by a model that never saw it, fold after fold."""

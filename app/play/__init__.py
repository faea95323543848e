"""Beat the model: a person and the model answer the same held-out photo."""

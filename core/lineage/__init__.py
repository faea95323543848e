"""Where a model comes from and what came of it, as its files record it."""

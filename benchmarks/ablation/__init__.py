"""The ablation: each piece added to a plain base and taken from the full recipe, with spread."""

"""The audit: findings about labels and photos, each with its evidence; it changes nothing."""

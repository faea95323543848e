"""Training runs as processes of their own: list, launch, follow and stop them."""

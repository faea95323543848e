"""Which pixels made the network say what it said: a registry of attribution methods."""

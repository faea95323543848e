"""Which pixels drove an output of the network: a registry of attribution methods."""

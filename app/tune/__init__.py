"""The Tune page: a search over options, started and watched."""

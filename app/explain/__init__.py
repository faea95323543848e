"""The Explain page: which parts of a photo drove the answer."""

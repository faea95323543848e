"""Inference: from photos to positions, headings, regions, and the photos that speak for them."""

"""Inference: from photos to positions, headings, regions, and their evidence."""

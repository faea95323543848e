"""Confidence: calibrated regions, areas and wedges, and the refusal of photos of elsewhere."""

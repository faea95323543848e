"""Training: options, the two-stage fit, and the run folder that it writes."""

"""Tuning: many training runs whose options are drawn from a space, and their results."""

"""Bearings: where on a campus a street-level photo was taken, and which way the camera faced."""

__version__ = "0.1.0"

"""Photos of one walk: their order in time, and the smoothed track through their answers."""

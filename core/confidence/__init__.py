"""Trust: how far an answer can be believed, as a stored calibration says; and when to refuse."""

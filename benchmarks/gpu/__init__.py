"""What a CUDA machine does with the code, in one go: correct, and how fast."""

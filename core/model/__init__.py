"""The model: a timm backbone, heads that share metadata, losses, and the checkpoint format."""

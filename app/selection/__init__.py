"""What a reader selected, in the address: the filter of photos, the open photo, views, tags."""

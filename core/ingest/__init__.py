"""A plain folder of phone photos becomes a dataset: labels from EXIF, copies without EXIF."""

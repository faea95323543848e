"""The Predict page: photos in, pins with headings, confidence and evidence out."""

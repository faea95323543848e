"""Label tables of any format as text: encodings, columns, and what their values mean."""

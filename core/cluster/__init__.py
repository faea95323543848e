"""A Ray cluster as the place where jobs run; Ray is imported once an address was given."""

"""The Home page: what is loaded, and what the model can do."""

"""Who may do what in the app, and which folders and files it opens."""

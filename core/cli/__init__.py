"""The command line: one module per command, flags made from the schemas that the forms use too."""

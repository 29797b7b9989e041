"""Search spaces: domains, the space of all hyperparameters, and reading one from a file."""

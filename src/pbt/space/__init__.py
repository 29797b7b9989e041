"""What hyperparameters may be: domains, the space that holds them, and reading one from a file."""

"""Where the training states lie."""

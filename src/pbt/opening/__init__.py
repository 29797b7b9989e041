"""From "where" (a folder or a URL, as the user gives it) to a population, its journal and its checkpoints."""

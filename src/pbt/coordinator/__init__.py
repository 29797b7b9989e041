"""The coordinator: it turns a worker's requests into entries and answers."""

"""What turns what a worker says into an entry and an answer."""

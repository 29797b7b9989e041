"""What the operating system gives and takes: locks, files shared among users, standard streams."""

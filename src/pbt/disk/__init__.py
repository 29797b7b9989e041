"""Operating system: locks, whole files, files shared among users, standard streams."""

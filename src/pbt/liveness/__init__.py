"""Signs of life of those who hold leases: one protocol, one file for each kind."""

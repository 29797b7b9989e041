"""Signs of life of leases' holders: one protocol, one file for each kind."""

"""The algorithms that decide. One file each; shared parts beside them."""

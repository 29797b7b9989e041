"""Populations trained inside one process."""

"""Names of strategies that other parts know."""

ORIGINAL = "original"
"""The strategy behind the original client."""

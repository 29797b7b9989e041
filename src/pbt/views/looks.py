"""Colours of the pictures."""

FAINT = "#8b97a5"
"""All members."""
LIT = "#d1495b"
"""The best one's lineage."""
LATER = (0, (3, 1.5))
"""How a line goes on after the best."""
OTHERS = (("#33658a", "--"), ("#4c956c", "-."), ("#7d5ba6", ":"))
"""Other populations: colour and style."""

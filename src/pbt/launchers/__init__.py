"""Launchers: they start workers and restart them where that helps."""

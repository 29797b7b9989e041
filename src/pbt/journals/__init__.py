"""Where entries are kept. Journals know bytes only."""

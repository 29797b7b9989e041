"""A journal's reports and decisions for other programs: as files, and in trackers."""

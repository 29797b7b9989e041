"""Everything that shows something. It reads the journal, and hangs in the path of no report."""

"""From what a user writes for "where" to a population and what belongs to it."""

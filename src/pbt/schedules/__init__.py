"""Schedules to take along: found in a population, written to files, and put to use in other training code."""

"""The demonstration: real classifiers, trained by a real population, on data that an installed package brings."""

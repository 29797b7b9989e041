"""The population: its entries, the value that they fold to, the rules, lineage and schedule."""

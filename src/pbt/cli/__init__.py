"""The command line. Each command is a file, loaded when it is used."""

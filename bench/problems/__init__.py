"""Problems with a known optimum, one a file: for tests, pictures and the table of strategies alike."""

"""The journal of files: entries in a folder that machines share."""

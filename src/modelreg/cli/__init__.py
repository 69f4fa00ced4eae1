"""The command line: one file a command; each parses, calls one method of the registry, and prints."""

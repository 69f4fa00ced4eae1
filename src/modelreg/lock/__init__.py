"""Lock files: what would be installed, before anything is built."""

"""Container images: named, read without an engine, searched for Python environments, and built."""

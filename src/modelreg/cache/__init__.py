"""What is kept on this machine of registries in buckets: pulled files by digest, and records as they were last seen."""

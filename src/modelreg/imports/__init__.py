"""What a model file imports when it is loaded, found without loading it."""

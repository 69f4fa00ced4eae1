"""Making an environment anew: the Python, the installer, the exact pins, and the proof that it fits."""

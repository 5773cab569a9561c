"""What runs in a suite's own environment; it imports nothing from this project."""

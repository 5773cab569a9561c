"""Type operators: inspection and conversion."""

"""Documents as values: merging them, their fields, and arrays of keys and values."""

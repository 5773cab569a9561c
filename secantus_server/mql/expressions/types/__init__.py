"""Types of values: asking for them and converting between them."""

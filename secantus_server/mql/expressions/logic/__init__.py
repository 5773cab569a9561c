"""Expression operators that compare and choose: comparisons, booleans, conditionals."""

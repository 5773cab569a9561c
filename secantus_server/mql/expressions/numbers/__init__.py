"""The operators on numbers: arithmetic, rounding, powers, trigonometry, bits and `$rand`."""

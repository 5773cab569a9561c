"""Expression operators on numbers: arithmetic, rounding, powers, trigonometry, bits, `$rand`."""

"""The targets of `$merge` and `$out`: parsed arguments, checks, and `_id` for new documents."""

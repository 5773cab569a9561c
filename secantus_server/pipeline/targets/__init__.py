"""The targets of `$merge` and `$out`: parsed arguments, checks, and the generation of `_id` for new documents."""

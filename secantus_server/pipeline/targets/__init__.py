"""Where `$merge` and `$out` write: their parsed arguments, the checks of the target, `_id` for new documents."""

"""The update operators. Importing this package registers all of them."""

from secantus_server.mql.update.operators import (
    add_to_set,
    arithmetic,
    bit,
    current_date,
    min_max,
    pop,
    pull,
    push,
    rename,
    set_value,
    unset,
)

__all__ = [
    "add_to_set",
    "arithmetic",
    "bit",
    "current_date",
    "min_max",
    "pop",
    "pull",
    "push",
    "rename",
    "set_value",
    "unset",
]

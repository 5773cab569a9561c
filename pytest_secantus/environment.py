"""A context manager that sets environment variables to the server's address."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager


@contextmanager
def variables_set(names: tuple[str, ...], value: str, environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Set all of `names` to `value` within the block. At its end, restore the old values and remove variables that did not exist."""
    before = {name: environ.get(name) for name in names}
    environ.update(dict.fromkeys(names, value))
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                environ.pop(name, None)
            else:
                environ[name] = old

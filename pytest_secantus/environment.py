"""Environment variables that name the server, set for a while and then put back."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager


@contextmanager
def variables_set(names: tuple[str, ...], value: str, environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Set every one of `names` to `value`; at the end each is what it was, or gone if it was not there."""
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

"""Opening of archives, such that no member is written outside of the target folder."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive within the block to extract members of it, with Python's filter for archives of data.

    Python before 3.10.12 and 3.11.4 has no such filter. There, only archives whose source is trusted are safe.
    """
    with tarfile.open(path) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        yield archive

"""A build backend that can only tell the metadata of a source archive, which is all that `pip download` asks of one.

The archive contains its metadata already. The archive's own backend would compute it again: PCRE2's needs a second CMake for that, and
other packages that nothing else uses.
"""

from __future__ import annotations

import sys
from email.parser import HeaderParser
from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """Copy the metadata of the archive that is unpacked in the working directory. Return the name of the new `.dist-info` directory."""
    metadata = Path("PKG-INFO").read_text(encoding="utf-8")
    headers = HeaderParser().parsestr(metadata)
    info = Path(metadata_directory, f"{headers['Name']}-{headers['Version']}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    return info.name


# The backend of an archive without a pyproject.toml is called `setuptools.build_meta:__legacy__`.
__legacy__ = sys.modules[__name__]

"""Generates the tables of settings in docs/config.md.

The command `python -m secantus_server.config.table docs/config.md` rewrites the tables between their marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from secantus_server.config.marked import with_part
from secantus_server.config.schema import SECTIONS, Entry


def settings_table() -> str:
    """Return the settings as Markdown text, with one table per section of the config file."""
    parts = []
    for section, entries in SECTIONS.items():
        rows = "".join(_row(entry) for entry in entries.values())
        parts.append(f"### `[{section}]`\n\n| Key | Flag | Python | Default | Meaning |\n|---|---|---|---|---|\n{rows}")
    return "\n" + "\n".join(parts) + "\n"


def _row(entry: Entry) -> str:
    values = f" One of {', '.join(f'`{choice}`' for choice in entry.choices if choice)}." if entry.choices else ""
    flags = ", ".join(f"`{flag}`" for flag in entry.flags)
    return f"| `{entry.key}` | {flags} | `{entry.name}` | `{entry.shown(entry.default)}` | {entry.help}{values} |\n"


def with_table(page: str) -> str:
    """Return a copy of a page in which the current tables of settings replace the text between the page's marks.

    Raises:
        ValueError: if the page has no marks.
    """
    return with_part(page, "settings", settings_table())


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")

"""The list of the supported, refused and later parts of MongoDB's interface, printed or written to docs/reference/surface.md.

python -m secantus_server.tools.surface                              prints the sections
python -m secantus_server.tools.surface docs/reference/surface.md    rewrites them between their marks
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from secantus_server.commands.all import load_commands
from secantus_server.config.marked import with_part
from secantus_server.differences import DIFFERENCES, MISSING
from secantus_server.dispatch.known import NOT_YET
from secantus_server.dispatch.registry import all_commands
from secantus_server.index.kinds.kind import all_kinds
from secantus_server.mql.accumulators.registry import PARSERS as ACCUMULATORS
from secantus_server.mql.expressions.registry import LATER, OPERATORS, import_operators
from secantus_server.mql.expressions.registry import UNSUPPORTED as UNSUPPORTED_OPERATORS
from secantus_server.mql.match import FIELD_OPERATORS, FILTER_OPERATORS
from secantus_server.mql.update.registry import modifiers
from secantus_server.mql.windows.registry import NOT_WINDOWED
from secantus_server.mql.windows.registry import PARSERS as WINDOW_FUNCTIONS
from secantus_server.mql.windows.registry import UNSUPPORTED as UNSUPPORTED_WINDOW_FUNCTIONS
from secantus_server.pipeline.registry import STAGES, import_stages
from secantus_server.pipeline.registry import UNSUPPORTED as UNSUPPORTED_STAGES


class Section(NamedTuple):
    """A section of the interface, for example its commands.

    Arguments:
        runs: the names that the server supports.
        refused: the names that exist in MongoDB but raise error 238 in this server.
        later: the names that a later version of MongoDB added, by version.
    """

    title: str
    runs: Collection[str]
    refused: Collection[str] = ()
    later: Mapping[str, list[str]] = MappingProxyType({})


def sections() -> list[Section]:
    """Return the sections of the interface, built from the server's registries."""
    load_commands()
    import_operators()
    import_stages()
    later: dict[str, list[str]] = {}
    for name, operator in LATER.items():
        later.setdefault(operator.since, []).append(name)
    windows = {*WINDOW_FUNCTIONS, *ACCUMULATORS} - NOT_WINDOWED
    return [
        Section("Commands", all_commands(), NOT_YET),
        Section("Aggregation stages", STAGES, UNSUPPORTED_STAGES),
        Section("Expression operators", OPERATORS, UNSUPPORTED_OPERATORS, later),
        Section("Accumulators", ACCUMULATORS),
        Section("Window functions", windows, UNSUPPORTED_WINDOW_FUNCTIONS, {"8.3": ["$mergeObjects"]}),
        Section("Query operators", {*FIELD_OPERATORS, *FILTER_OPERATORS}),
        Section("Update operators", modifiers()),
        Section("Index kinds", [kind.name for kind in all_kinds()]),
    ]


def surface() -> str:
    """Return the sections as Markdown."""
    return "\n".join([*(_section(section) for section in sections()), _changes()])


def _section(section: Section) -> str:
    lines = [f"## {section.title}", "", f"{len(section.runs)} run: {_names(section.runs)}", ""]
    if section.refused:
        lines += [f"{len(section.refused)} are refused with error 238: {_names(section.refused)}", ""]
    for since, names in sorted(section.later.items()):
        lines += [f'{len(names)} exist since MongoDB {since}, and run with `compat = "9.0"`: {_names(names)}', ""]
    return "\n".join(lines)


def _changes() -> str:
    """Return a list of the names that exist in 8.2 and were changed by later versions, with the changes."""
    rows = []
    for row in DIFFERENCES.values():
        state = "no: error 238" if row.is_refused else 'with `compat = "9.0"`'
        rows.append(f"| {row.since} | {row.name.replace('_', ' ')} | {state} |\n")
    rows += [f"| {row.since} | {row.what} | no: {row.instead} |\n" for row in MISSING]
    return f"## Changes since MongoDB 8.2\n\n| Since | Change | Runs |\n|---|---|---|\n{''.join(rows)}"


def _names(names: Collection[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names, key=str.lower))


def with_surface(page: str) -> str:
    """Return a page with the current sections between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    return with_part(page, "surface", f"\n{surface()}\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        path.write_text(with_surface(path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(surface())

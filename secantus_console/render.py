"""Rendering of the HTML templates. Every value is escaped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import jinja2

from secantus_console import ejson
from secantus_console.charts import chart, reading
from secantus_console.console import Console
from secantus_console.page import Page
from secantus_console.sessions import Session

# The links of a page have the same values: the database, the collection, the filter.
_quoted: Final = lru_cache(1024)(quote_plus)
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


class Renderer:
    """Renders pages as HTML.

    Arguments:
        console: the console to which the pages belong.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.ChainableUndefined,
            finalize=lambda value: "" if value is None else value,
        )
        self._environment.filters |= {
            "ejson": ejson.dumps,
            "pretty": ejson.pretty,
            "size": size,
            "count": count,
            "duration": duration,
            "reading": reading,
        }
        self._environment.globals |= {"url": url, "chart": chart}

    def html(self, page: Page, session: Session | None, fields: dict[str, str], path: str = "", query: str = "") -> str:
        """Return the HTML of a page.

        Arguments:
            fields: the parameters of the request, with which the forms are filled.
            path: the path of the request.
            query: the query string of the request.
        """
        notices: list[str] = []
        if session is not None:
            notices, session.notices = session.notices, []
        return self._environment.get_template(page.template).render(
            page.data,
            title=page.title,
            fields=fields,
            path=path,
            query=query,
            session=session,
            csrf=session.csrf if session else "",
            notices=notices,
            console=self._console,
            writable=self._console.options.write,
        )


def url(path: str, **parameters: Any) -> str:
    """Return a URL with a path and parameters. Omit empty parameters."""
    given = [f"{name}={_quoted(str(value))}" for name, value in parameters.items() if value not in (None, "")]
    return f"{path}?{'&'.join(given)}" if given else path


def size(value: Any) -> str:
    """Format a number of bytes with a unit."""
    if not isinstance(value, int | float):
        return "–"
    number, unit = float(value), 0
    while abs(number) >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:,.0f} {_UNITS[unit]}" if unit == 0 or number >= 100 else f"{number:,.1f} {_UNITS[unit]}"


def count(value: Any) -> str:
    """Format a number with thousands separators."""
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else f"{value:,.1f}" if isinstance(value, float) else str(value)


def duration(seconds: Any) -> str:
    """Format a duration in its two largest units."""
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    if seconds < 60:
        return f"{seconds:,.1f} s"
    whole, parts = int(seconds), []
    for name, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, whole = divmod(whole, length)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2])

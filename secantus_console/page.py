"""What a page's handler gets and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import InvalidName

from secantus_console import ejson
from secantus_console.console import Console
from secantus_console.errors import InputError
from secantus_console.sessions import Session

#: The name that a collection or database must have typed to be dropped.
CONFIRM: Final = "confirm"


@dataclass
class Page:
    """A page: the data of its JSON form, and the template of its HTML.

    Arguments:
        template: the file in templates/.
        title: the title.
        data: the content.
        status: the HTTP status.
    """

    template: str
    title: str
    data: dict[str, Any]
    status: int = 200


@dataclass
class Moved:
    """A redirect after a post.

    Arguments:
        url: where to.
        notice: what was done.
    """

    url: str
    notice: str = ""


@dataclass
class Download:
    """A file that the browser saves.

    Arguments:
        name: its name.
        media_type: its type.
        pieces: its content.
    """

    name: str
    media_type: str
    pieces: Iterator[str]


Answer = Page | Moved | Download


@dataclass
class Call:
    """One request to a page.

    Arguments:
        console: the console.
        session: the session of the user.
        fields: the query parameters, or the fields of the form.
    """

    console: Console
    session: Session
    fields: Mapping[str, str]

    @property
    def client(self) -> MongoClient[dict[str, Any]]:
        """The client of the user who has logged in, or the console's own."""
        return self.session.client or self.console.client

    @property
    def time_limit_ms(self) -> int:
        """The time limit of a query."""
        return self.console.options.time_limit_ms

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter."""
        return self.fields.get(name, default).strip() or default

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a parameter that is a whole number.

        Raises:
            InputError: it is not, or is out of range.
        """
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or not least <= int(text) <= most:
            raise InputError(f"{name} must be a whole number from {least:,} to {most:,}.")
        return int(text)

    def document(self, name: str) -> dict[str, Any]:
        """Return a parameter that is a document; `{}` without one.

        Raises:
            InputError: it is not a document.
        """
        return ejson.document(self.text(name, "{}"), f"The {name}")

    def pipeline(self, name: str = "pipeline") -> list[dict[str, Any]]:
        """Return a parameter that is a pipeline; `[]` without one.

        Raises:
            InputError: it is not an array of documents with one field each.
        """
        value = ejson.loads(self.text(name, "[]"), "The pipeline")
        if not isinstance(value, list) or not all(isinstance(stage, dict) and len(stage) == 1 for stage in value):
            raise InputError('The pipeline must be an array of stages, such as [{"$match": {}}].')
        return value

    def required(self, name: str) -> str:
        """Return a parameter.

        Raises:
            InputError: it is missing.
        """
        value = self.text(name)
        if not value:
            raise InputError(f"{name} is missing.")
        return value

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The database that `db` names.

        Raises:
            InputError: there is no such parameter, or no database can have this name.
        """
        try:
            return self.client.get_database(self.required("db"))
        except InvalidName as error:
            raise InputError(f"The name of the database is invalid: {error}.") from None

    @property
    def collection(self) -> Collection[dict[str, Any]]:
        """The collection that `db` and `collection` name.

        Raises:
            InputError: a parameter is missing, or no collection can have this name.
        """
        try:
            return self.database.get_collection(self.required("collection"))
        except InvalidName as error:
            raise InputError(f"The name of the collection is invalid: {error}.") from None

    def check_typed(self, name: str) -> None:
        """Check that the user has typed a name to confirm.

        Raises:
            InputError: the name is another one.
        """
        if self.fields.get(CONFIRM, "") != name:
            raise InputError(f"Nothing was done: type {name} to confirm.")


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Entry:
    """A route.

    Arguments:
        path: the path.
        handler: answers a request.
        method: GET or POST.
        writes: whether it may be used only by a console that may write.
    """

    path: str
    handler: Handler = field(compare=False)
    method: str = "GET"
    writes: bool = False


def shown(path: str, handler: Handler) -> Entry:
    """Return the route of a page."""
    return Entry(path, handler)


def posted(path: str, handler: Handler, *, writes: bool = True) -> Entry:
    """Return the route of a form."""
    return Entry(path, handler, "POST", writes)

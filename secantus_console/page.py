"""The objects that a page handler receives and returns."""

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

#: The form field in which the user types the name of a collection or database to confirm its drop.
CONFIRM: Final = "confirm"


@dataclass
class Page:
    """A page: the data for its JSON form, and the template for its HTML form.

    Arguments:
        template: the template's file name in templates/.
        title: the title.
        data: the content of the page.
        status: the HTTP status of the response.
    """

    template: str
    title: str
    data: dict[str, Any]
    status: int = 200


@dataclass
class Moved:
    """A redirect in response to a POST request.

    Arguments:
        url: the target.
        notice: a message about the result of the request.
    """

    url: str
    notice: str = ""


@dataclass
class Download:
    """A file that the browser saves.

    Arguments:
        name: the file name.
        media_type: the media type.
        pieces: the content.
    """

    name: str
    media_type: str
    pieces: Iterator[str]


Answer = Page | Moved | Download


@dataclass
class Call:
    """A request to a page.

    Arguments:
        console: the console.
        session: the session of the browser.
        fields: the query parameters, or the fields of the form.
    """

    console: Console
    session: Session
    fields: Mapping[str, str]

    @property
    def client(self) -> MongoClient[dict[str, Any]]:
        """The client of the user who has logged in. Without a login, it is the console's own client."""
        return self.session.client or self.console.client

    @property
    def time_limit_ms(self) -> int:
        """The time limit of a query."""
        return self.console.options.time_limit_ms

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a parameter, or the default if it is missing."""
        return self.fields.get(name, default).strip() or default

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Parse a parameter that is a whole number.

        Raises:
            InputError: the parameter is not a whole number, or is out of range.
        """
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or not least <= int(text) <= most:
            raise InputError(f"{name} must be a whole number from {least:,} to {most:,}.")
        return int(text)

    def document(self, name: str) -> dict[str, Any]:
        """Parse a parameter that is a document. Return `{}` if it is missing.

        Raises:
            InputError: the parameter is not a document.
        """
        return ejson.document(self.text(name, "{}"), f"The {name}")

    def pipeline(self, name: str = "pipeline") -> list[dict[str, Any]]:
        """Parse a parameter that is a pipeline. Return `[]` if it is missing.

        Raises:
            InputError: the parameter is not an array of documents with one field each.
        """
        value = ejson.loads(self.text(name, "[]"), "The pipeline")
        if not isinstance(value, list) or not all(isinstance(stage, dict) and len(stage) == 1 for stage in value):
            raise InputError('The pipeline must be an array of stages, such as [{"$match": {}}].')
        return value

    def required(self, name: str) -> str:
        """Return the value of a required parameter.

        Raises:
            InputError: the parameter is missing.
        """
        value = self.text(name)
        if not value:
            raise InputError(f"{name} is missing.")
        return value

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The database named by the parameter `db`.

        Raises:
            InputError: the parameter is missing, or is not a valid database name.
        """
        try:
            return self.client.get_database(self.required("db"))
        except InvalidName as error:
            raise InputError(f"The name of the database is invalid: {error}.") from None

    @property
    def collection(self) -> Collection[dict[str, Any]]:
        """The collection named by the parameters `db` and `collection`.

        Raises:
            InputError: a parameter is missing, or is not a valid name.
        """
        try:
            return self.database.get_collection(self.required("collection"))
        except InvalidName as error:
            raise InputError(f"The name of the collection is invalid: {error}.") from None

    def check_typed(self, name: str) -> None:
        """Check that the user typed the given name as a confirmation.

        Raises:
            InputError: the user typed something else.
        """
        if self.fields.get(CONFIRM, "") != name:
            raise InputError(f"Nothing was done: type {name} to confirm.")


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Entry:
    """A route: a URL path with its handler.

    Arguments:
        path: the URL path.
        handler: the function that handles requests.
        method: GET or POST.
        writes: whether the route is refused if the console is read-only.
    """

    path: str
    handler: Handler = field(compare=False)
    method: str = "GET"
    writes: bool = False


def shown(path: str, handler: Handler) -> Entry:
    """Return the GET route of a page."""
    return Entry(path, handler)


def posted(path: str, handler: Handler, *, writes: bool = True) -> Entry:
    """Return the POST route of a form."""
    return Entry(path, handler, "POST", writes)

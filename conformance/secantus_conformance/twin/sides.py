"""The two servers under comparison. Each runs a session in a separate database, and their replies are compared."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from pytest_secantus.shadow.equality import Aside, Mismatch
from pytest_secantus.shadow.replies import comparable_results, compare_replies
from pytest_secantus.shadow.results import compare_results, order_of
from secantus_conformance.failures import UsageError
from secantus_conformance.twin.values import Document
from secantus_server.bson import decode

_RAW: Final = CodecOptions(document_class=RawBSONDocument)
_LIMITS: Final[dict[str, Any]] = {
    "serverSelectionTimeoutMS": 5000,
    "connectTimeoutMS": 5000,
    "socketTimeoutMS": 30_000,
    "retryWrites": False,
}
DATABASE: Final = "secantus_twin"
#: The error codes for a command, operator or option that a server does not support.
_NOT_SUPPORTED: Final = frozenset({59, 168, 115, 238, 40324})
LOST: Final = -1


class Answer(NamedTuple):
    """A reply to a command, with all documents of the cursor if the command opens one."""

    reply: dict[str, Any]
    results: list[Any] | None


class Side:
    """One of the two servers.

    Arguments:
        uri: the server's connection string.

    Raises:
        UsageError: the server does not respond.
    """

    def __init__(self, uri: str) -> None:
        self._client: MongoClient[Any] = MongoClient(uri, **_LIMITS)
        try:
            self.version: str = self._client.admin.command("buildInfo")["version"]
        except (PyMongoError, KeyError) as error:
            raise UsageError(f"the server at {uri} does not answer: {str(error).partition(', Timeout: ')[0]}") from error

    def clear(self) -> None:
        """Drop the session's database."""
        self._client.drop_database(DATABASE)

    def run(self, command: Document) -> Answer:
        """Run a command and exhaust its cursor. A broken connection also counts as an answer."""
        try:
            reply = self._send(command)
            cursor = reply.get("cursor")
            if not reply.get("ok") or not isinstance(cursor, dict):
                return Answer(reply, None)
            results = list(cursor["firstBatch"])
            while cursor["id"]:
                more = self._send({"getMore": Int64(cursor["id"]), "collection": cursor["ns"].partition(".")[2]})
                if not more.get("ok"):
                    return Answer(more, None)
                cursor = more["cursor"]
                results += cursor["nextBatch"]
            return Answer(reply, comparable_results(next(iter(command)), results, DATABASE))
        except PyMongoError as error:
            return Answer({"ok": 0, "code": LOST, "errmsg": f"no answer: {error}"}, None)

    def _send(self, command: Document) -> dict[str, Any]:
        reply = self._client[DATABASE].command(dict(command), check=False, codec_options=_RAW)
        return decode(bytes(reply.raw))

    def close(self) -> None:
        """Drop the session's database and disconnect."""
        self.clear()
        self._client.close()


class Question(NamedTuple):
    """The first command of a session to which the two servers reply differently.

    Arguments:
        place: the command's position in the session.
        mismatch: the first difference between the replies.
        answers: the two replies.
    """

    place: int
    command: Document
    mismatch: Mismatch
    answers: tuple[Answer, Answer]

    @property
    def kind(self) -> str:
        """The properties that distinguish this question from all others: the command, the path in the reply, and the error codes."""
        names = [name for name in self.command if name in ("multi", "upsert")]
        codes = [str(one.reply.get("code", "ok" if one.reply.get("ok") else "failed")) for one in self.answers]
        path = "".join(one for one in self.mismatch.path if not one.isdigit())
        return " ".join([next(iter(self.command)), *names, path, "/".join(codes)])

    @property
    def is_about_support(self) -> bool:
        """Whether one of the servers reports that it does not support the command."""
        return any(one.reply.get("code") in _NOT_SUPPORTED for one in self.answers)


def compare(sides: tuple[Side, Side], commands: list[Document]) -> Question | None:
    """Run a session on both servers and return the first difference, or None."""
    for side in sides:
        side.clear()
    aside = Aside(lambda: iter(()))
    for place, command in enumerate(commands):
        data = bson.encode(command)
        aside.note_command(data)
        first, second = (side.run(command) for side in sides)
        found = _mismatch(command, data, first, second, aside)
        if found is not None:
            return Question(place, command, found, (first, second))
    return None


def _mismatch(command: Document, data: bytes, first: Answer, second: Answer, aside: Aside) -> Mismatch | None:
    name = next(iter(command))
    found = compare_replies(name, first.reply, second.reply, aside)
    if found is not None or first.results is None or second.results is None:
        return found
    return compare_results(first.results, second.results, order_of(name, decode(data), data), aside, "results")

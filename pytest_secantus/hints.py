"""What a report should say beside the error: a client that found no server, logins that nobody checked. No pymongo in here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_secantus.options import DEFAULT_PORT, address
from pytest_secantus.redirect import addresses

TITLE = "Secantus"
LOGINS = (
    "secantus: {clients} gave a user name and a password, which the server does not check; "
    "a test that expects a login to be refused needs a MongoDB server."
)


def hint(error: BaseException, ours: str) -> str | None:
    """What to say about an error that was caused by a client's looking for a server elsewhere; None about any other.

    Arguments:
        ours: the ``host:port`` of our server, or several with commas.
    """
    known = set(addresses(ours, DEFAULT_PORT))
    for cause in causes(error):
        if type(cause).__name__ == "ServerSelectionTimeoutError":
            found = [place for place in refused(str(cause)) if address(*place) not in known]
            if found:
                places = " ".join(dict.fromkeys(f"{host}:{port}" for host, port in found))
                return (
                    f"There is no MongoDB server on {places}. If the test expects one there, let its clients reach the server of this run: "
                    f"secantus_redirect = {places} in the ini file, or --secantus-redirect={places.replace(' ', ',')}"
                )
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from or while handling, and what is in a group."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]


def refused(message: str) -> Iterator[tuple[str, int]]:
    """The addresses of which pymongo's message says that nobody answers there."""
    for host, port in re.findall(r"([\w.-]+|[0-9a-f:]*:[0-9a-f:]*):(\d+): (?=\[Errno|timed out|\[WinError)", message):
        yield host, int(port)


def logins_line(count: int) -> str:
    """The line for the terminal summary about so many clients."""
    return LOGINS.format(clients="a client" if count == 1 else f"{count} clients")

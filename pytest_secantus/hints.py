"""Hints in reports about clients that found no server, and about unchecked logins. This module does not import pymongo."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_secantus.options import DEFAULT_PORT, address
from pytest_secantus.redirect import addresses

TITLE = "Secantus"
LOGINS = (
    "secantus: the credentials of {clients} were not checked, because the server has no users; "
    "a test that expects a login to fail must create a user first, or set secantus_check_logins = yes."
)


def hint(error: BaseException, ours: str) -> str | None:
    """Return a hint if a client found no server at an address other than ours; None for any other error.

    Arguments:
        ours: the ``host:port`` of our server, or several separated by commas.
    """
    known = set(addresses(ours, DEFAULT_PORT))
    for cause in causes(error):
        if type(cause).__name__ == "ServerSelectionTimeoutError":
            found = [place for place in refused(str(cause)) if address(*place) not in known]
            if found:
                places = " ".join(dict.fromkeys(f"{host}:{port}" for host, port in found))
                return (
                    f"No MongoDB server listens on {places}. To redirect the test's clients to the server of this run, set "
                    f"secantus_redirect = {places} in the ini file or pass --secantus-redirect={places.replace(' ', ',')}"
                )
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and contexts, and the members of an exception group."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]


def refused(message: str) -> Iterator[tuple[str, int]]:
    """Yield the unreachable addresses in the text of a pymongo error."""
    for host, port in re.findall(r"([\w.-]+|[0-9a-f:]*:[0-9a-f:]*):(\d+): (?=\[Errno|timed out|\[WinError)", message):
        yield host, int(port)


def logins_line(count: int) -> str:
    """Return the line of the terminal summary that reports `count` clients whose logins were not checked."""
    return LOGINS.format(clients="a client" if count == 1 else f"{count} clients")

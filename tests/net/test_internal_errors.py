"""The reply to a command that fails because of a bug."""

from __future__ import annotations

import logging

import pytest

from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.server import SecantusDBServer
from tests.net.raw_client import connected


class Bug(Interceptor):
    """An interceptor with a bug: it raises an error that is not a CommandError."""

    def before(self, call: Call) -> None:
        """Raise KeyError for find."""
        if call.name == "find":
            raise KeyError("x")


def test_an_internal_error_is_reported_and_logged(clean_server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    clean_server.services.interceptors.install(Bug())
    with caplog.at_level(logging.ERROR), connected(clean_server) as client:
        reply = client.run({"find": "c"})
        assert (reply["code"], reply["errmsg"]) == (
            1,
            "Internal error in command 'find': KeyError: 'x' (a bug in Secantus; see the server log)",
        )
        assert client.run({"ping": 1})["ok"] == 1
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "internal error in command 'find'"
    assert record.exc_info is not None

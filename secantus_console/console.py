"""The state of a console: its client, its options, and the samples for its charts."""

from __future__ import annotations

from typing import Any, Final

from bson.codec_options import DatetimeConversion
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.uri_parser import parse_uri

from secantus_console.errors import InputError
from secantus_console.options import ConsoleOptions
from secantus_console.samples import Samples
from secantus_console.test_view import TestView

#: The application name of the console's connections on the server.
APP_NAME: Final = "secantus-console"
_SELECTION_TIMEOUT_MS: Final = 4000


class Console:
    """The state of a console: its options, its client, and the samples for its charts.

    Arguments:
        options: the options.
        test_view: the view of the paused test, or None without pytest.

    Raises:
        InputError: the connection string is invalid.
    """

    def __init__(self, options: ConsoleOptions, test_view: TestView | None = None) -> None:
        self.options = options
        self.test_view = test_view
        self.samples = Samples()
        self.client = self.connect()
        nodes = parse_uri(options.uri, validate=False)["nodelist"] if options.uri.startswith("mongodb://") else []
        #: The server's address without user and password.
        self.server = ", ".join(f"{host}:{port}" if port else str(host) for host, port in nodes) or "the server"

    def connect(self, user: str | None = None, password: str | None = None, source: str | None = None) -> MongoClient[dict[str, Any]]:
        """Return a client for the given user, or for the user in the connection string.

        Raises:
            InputError: the connection string is invalid.
        """
        login = {} if user is None else {"username": user, "password": password, "authSource": source or "admin"}
        options: dict[str, Any] = {
            "appname": APP_NAME,
            "serverSelectionTimeoutMS": _SELECTION_TIMEOUT_MS,
            "tz_aware": True,
            "datetime_conversion": DatetimeConversion.DATETIME_AUTO,
            **dict(self.options.client_options),
            **login,
        }
        try:
            return MongoClient(self.options.uri, **options)
        except (ConfigurationError, PyMongoError, ValueError) as error:
            raise InputError(f"The connection string is invalid: {error}") from None

    def close(self) -> None:
        """Close the console's client."""
        self.client.close()

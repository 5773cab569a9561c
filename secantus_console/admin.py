"""The program `secantusdb-admin`, which runs the web console for any running server."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import webbrowser
from collections.abc import Sequence
from typing import Final

from secantus_console.extra import INSTALL, is_installed

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_INVALID: Final = 2
#: The environment variable for a connection string with a password: other users of the machine can read a command line.
URI_VARIABLE: Final = "SECANTUS_ADMIN_URI"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the console until the program is interrupted; return the exit code."""
    given = _parser().parse_args(arguments)
    if not is_installed():
        print(f"secantusdb-admin: {INSTALL}", file=sys.stderr)
        return EXIT_INVALID
    uri = given.uri or os.environ.get(URI_VARIABLE, "")
    if not uri:
        print(f"secantusdb-admin: give --uri, or set {URI_VARIABLE}.", file=sys.stderr)
        return EXIT_INVALID
    return _serve(uri, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="secantusdb-admin",
        description="A console for a MongoDB or Secantus server, in the browser. It is read-only unless --console-write is given.",
    )
    parser.add_argument(
        "--uri",
        help=f"the server's connection string (default: the environment variable {URI_VARIABLE}); without a user in it, the console asks",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address that the console listens on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="the console's port (default: a free one)")
    parser.add_argument("--console-write", action="store_true", help="let the console change documents, collections, users and settings")
    parser.add_argument("--no-window", action="store_true", help="print the address, and open no browser")
    return parser


def _serve(uri: str, given: argparse.Namespace) -> int:
    # Imported only after the check that the packages are installed.
    from secantus_console.console import Console
    from secantus_console.errors import InputError
    from secantus_console.options import ConsoleOptions
    from secantus_console.serving import Serving, listen

    try:
        listener = listen(given.host, given.port)
    except (OSError, OverflowError) as error:
        print(f"secantusdb-admin: cannot listen on {given.host}:{given.port}: {_reason(error)}.", file=sys.stderr)
        return EXIT_FAILED
    options = ConsoleOptions(uri, given.host, listener.getsockname()[1], given.console_write)
    try:
        console = Console(options)
    except InputError as error:
        print(f"secantusdb-admin: {error}", file=sys.stderr)
        return EXIT_INVALID
    token = secrets.token_urlsafe(24)
    serving = Serving(console, listener, token, lambda new: _announce(options.address, new, opens=False))
    _announce(options.address, token, opens=not given.no_window)
    serving.run()
    return EXIT_DONE


def _reason(error: OSError | OverflowError) -> str:
    """Return the reason why a socket cannot listen, without the address, which Python's message may repeat."""
    if isinstance(error, OverflowError):
        return "the port must be between 0 and 65535"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


def _announce(address: str, token: str, *, opens: bool) -> None:
    """Print the console's address with a one-time token, or open it in the browser."""
    url = f"http://{address}/?token={token}"
    print(f"console: {url}", flush=True)
    if opens:
        webbrowser.open(url)


if __name__ == "__main__":
    sys.exit(main())

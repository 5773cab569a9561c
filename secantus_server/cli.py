"""The daemon `secantusdb`: flags override the config file, which overrides the defaults.

See docs/config.md for the file's schema.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secantus_server.errors import CommandError
from secantus_server.settings import LOG_LEVELS, TLS_MODES, TLS_VERSIONS, Settings, SettingsError, read_config

if TYPE_CHECKING:
    from secantus_server.server import SecantusDBServer

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The config files to look for, in this order, if --config is not given.
DEFAULT_CONFIGS = (Path("secantusdb.toml"), Path("/etc/secantus/secantusdb.toml"))


def build_parser() -> argparse.ArgumentParser:
    """Return the command line parser. Flags have no defaults, so that an omitted flag can be distinguished from a given one."""
    defaults = {field.name: field.default for field in fields(Settings)}
    parser = argparse.ArgumentParser(
        prog="secantusdb",
        description="A MongoDB server for tests: a single node that speaks MongoDB's wire protocol and stores its data with WiredTiger.",
        epilog="Flags override the config file, which overrides the defaults. SIGINT or SIGTERM stops the server cleanly.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )

    def add(flag: str, help: str, **options: Any) -> None:
        name = flag.lstrip("-").replace("-", "_")
        shown = defaults.get(name)
        parser.add_argument(flag, help=f"{help} (default: {shown})" if shown not in (None, False, "") else help, **options)

    places = " or ".join(map(str, DEFAULT_CONFIGS))
    parser.add_argument("--config", metavar="FILE", help=f"a TOML file of settings (default: {places}, the first that exists)")
    add("--host", "the address to listen on")
    add("--port", "the TCP port; 0 selects a free one, which is printed", type=int)
    add("--storage-path", "the data directory, created if missing; ':memory:' keeps everything in memory", metavar="DIR")
    add("--log-level", "the minimum log level", choices=LOG_LEVELS, type=str.lower)
    add("--replica-set", "the name of the single-node replica set to present", metavar="NAME")
    parser.add_argument(
        "--standalone", action="store_const", const="", dest="replica_set", help="present a standalone server, without a replica set"
    )
    add("--sync-on-commit", "sync each commit to disk instead of only passing it to the operating system", action="store_true")
    add("--cache-size-mb", "the memory for storage; 0 lets the server choose", type=int, metavar="MB")
    add("--enable-test-commands", "allow commands intended for tests", action="store_true")
    add("--ttl-interval-s", "seconds between two passes of the TTL monitor", type=int, metavar="S")
    add("--checkpoint-interval-s", "seconds between two checkpoints", type=int, metavar="S")
    add("--cursor-timeout-s", "seconds after which an idle cursor is closed", type=int, metavar="S")
    add("--max-connections", "the maximum number of connections; 0 means as many as ulimit -n allows", type=int, metavar="N")
    add("--oplog-size-mb", "the size from which on the oldest oplog entries are removed; 0 lets the server choose", type=int, metavar="MB")
    add("--oplog-min-retention-hours", "hours for which oplog entries are kept in any case", type=int, metavar="H")
    _add_auth(parser)
    _add_tls(add)
    _add_limits(add)
    parser.add_argument("--version", action="version", version=f"secantusdb {_version()}")
    return parser


def _add_auth(parser: argparse.ArgumentParser) -> None:
    """Add the flags of access control; that of `require_auth` also has a form to turn it off."""
    parser.add_argument(
        "--auth",
        "--require-auth",
        action=argparse.BooleanOptionalAction,
        dest="require_auth",
        help="require clients to authenticate, and restrict them to what their roles allow (default: no)",
    )
    parser.add_argument(
        "--login-delay-ms",
        type=int,
        metavar="MS",
        help="the delay of a user's logins from an address after ten failed ones; it doubles with each further failure (default: 100)",
    )


def _add_tls(add: Callable[..., None]) -> None:
    """Add the flags of encrypted connections."""
    add("--tls-mode", "which connections are encrypted (default: requireTLS with --tls-cert-file)", choices=TLS_MODES)
    add("--tls-cert-file", "the server's certificate in PEM form, with its key unless --tls-key-file is given", metavar="FILE")
    add("--tls-key-file", "the private key of the certificate", metavar="FILE")
    add("--tls-ca-file", "the certificates of the authorities that sign clients' certificates", metavar="FILE")
    add("--tls-require-client-cert", "refuse clients without a certificate", action="store_true")
    add("--tls-min-version", "the oldest version of TLS that is accepted", choices=TLS_VERSIONS)


def _add_limits(add: Callable[..., None]) -> None:
    """Add the flags of the limits for clients that have not authenticated."""
    text = "with TLS or --auth, seconds within which a client must have sent its first command; 0 is no limit"
    add("--handshake-timeout-s", text, type=int, metavar="S")
    text = "with --auth, the maximum number of connections that have not authenticated; 0 lets the server choose"
    add("--max-unauthenticated-connections", text, type=int, metavar="N")


def _version() -> str:
    try:
        return version("pytest-secantus")
    except PackageNotFoundError:
        return "(not installed)"


def load_settings(arguments: Sequence[str] | None) -> Settings:
    """Return the settings from a command line and the config file it names.

    Raises:
        SettingsError: a setting is invalid.
        SystemExit: the command line is invalid, or requests help.
    """
    given = vars(build_parser().parse_args(arguments))
    config = given.pop("config", None)
    if config is None:
        config = next((path for path in DEFAULT_CONFIGS if path.exists()), None)
    from_file = read_config(config) if config is not None else {}
    return Settings(**{**from_file, **given}).check_together()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal or the shutdown command stops it; return the exit code."""
    try:
        settings = load_settings(arguments)
    except SettingsError as error:
        print(f"secantusdb: {error}", file=sys.stderr)
        return 2
    # On a crash in compiled code, print the stacks of all threads to stderr.
    faulthandler.enable()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # The server's log has its own level, which setParameter can change.
    logging.getLogger("secantus").setLevel(logging.DEBUG)
    return run(settings)


def run(settings: Settings) -> int:
    """Start the server, print where it listens, and wait for it to stop."""
    from secantus_server.net.listener import ListenError
    from secantus_server.server import SecantusDBServer

    server = SecantusDBServer(**{field.name: getattr(settings, field.name) for field in fields(Settings)})
    # Block the signals before any other thread exists: threads inherit the mask, so only sigwait receives them.
    signals = (*STOP_SIGNALS, signal.SIGHUP) if settings.takes_tls else STOP_SIGNALS
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=_await_signal, args=(server, signals), name="secantus-signals", daemon=True).start()
    try:
        server.start()
        # Objects created at startup are permanent: exclude them from garbage collection.
        gc.freeze()
        print(f"secantusdb is ready: {server.uri}", flush=True)
        server.wait()
        server.stop()
    except (ListenError, CommandError) as error:
        print(f"secantusdb: {error}", file=sys.stderr)
        return 1
    return 0


def _await_signal(server: SecantusDBServer, signals: Sequence[signal.Signals]) -> None:
    """Stop the server at the first signal that is not SIGHUP, which reloads certificates; exit immediately at a second one.

    A waiting thread may take locks; a signal handler that interrupts the main thread may not.
    """
    while signal.sigwait(signals) == signal.SIGHUP:
        _reload_certificates(server)
    server.request_stop()
    os._exit(128 + signal.sigwait(STOP_SIGNALS))


def _reload_certificates(server: SecantusDBServer) -> None:
    """Use new certificates for new connections; the log tells whether they can be used."""
    # A RuntimeError means that the server is starting or stopping: it has just read the files, or needs them no more.
    with contextlib.suppress(CommandError, RuntimeError):
        server.reload_certificates("SIGHUP")


if __name__ == "__main__":
    sys.exit(main())

"""The command line of the daemon `secantusdb`. Flags override the config file, which overrides the defaults.

See docs/config.md for the schema of the config file.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secantus_server.config.effective import Effective, load
from secantus_server.diagnostics.log_lines import JsonFormatter
from secantus_server.errors import CommandError
from secantus_server.records import fields
from secantus_server.settings import Settings, SettingsError
from secantus_server.system.notify import ServiceManager
from secantus_server.system.pid_file import PidFile

if TYPE_CHECKING:
    from secantus_server.server import SecantusDBServer

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: The signals that the daemon always handles. SIGUSR1 makes it start a new log file.
SIGNALS = (*STOP_SIGNALS, signal.SIGUSR1)
# The subcommands, with the module and the function that run them.
SUBCOMMANDS = {
    "backup": ("secantus_server.tools.backup", "main"),
    "check": ("secantus_server.tools.check", "main"),
    "salvage": ("secantus_server.tools.salvage", "main"),
    "status": ("secantus_server.tools.service", "status"),
    "stop": ("secantus_server.tools.service", "stop"),
}
# The exit codes, which docs/config.md explains.
EXIT_STOPPED, EXIT_FAILED, EXIT_INVALID = 0, 1, 2
# The interval at which an ephemeral server checks that its parent process is still running.
PARENT_CHECK_S = 0.5


def _version() -> str:
    try:
        return version("pytest-secantus")
    except PackageNotFoundError:
        return "(not installed)"


def load_settings(arguments: Sequence[str] | None) -> Settings:
    """Return the settings from a command line and from the config file that it specifies.

    Raises:
        SettingsError: a setting is invalid.
        SystemExit: the command line is invalid or requests help.
    """
    return load(arguments, _version()).settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand, or run the daemon until a signal or the shutdown command stops it. Return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in SUBCOMMANDS:
        module, function = SUBCOMMANDS[arguments[0]]
        code: int = getattr(importlib.import_module(module), function)(arguments[1:])
        return code
    try:
        effective = load(arguments, _version())
        _check_console(effective.settings)
    except SettingsError as error:
        print(f"secantusdb: {error}", file=sys.stderr)
        return EXIT_INVALID
    if effective.asked.get("print_config"):
        print(effective.described(), end="")
        return EXIT_STOPPED
    if effective.asked.get("check_config"):
        return _check_config(effective)
    settings = effective.settings
    # On a crash in compiled code, print the stacks of all threads to stderr.
    faulthandler.enable()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if settings.log_format == "json":
        logging.getLogger().handlers[0].setFormatter(JsonFormatter())
    # The server's log has its own level, which setParameter can change.
    logging.getLogger("secantus").setLevel(logging.DEBUG)
    return run(settings, effective.asked)


def _check_config(effective: Effective) -> int:
    """Print whether a server could start with the given settings, and return the exit code.

    The settings themselves are already valid, so only the TLS certificate files are checked.
    """
    from secantus_server.net.certificates import CertificateError, make_context

    try:
        if effective.settings.takes_tls:
            make_context(effective.settings)
    except CertificateError as error:
        print(f"secantusdb: {error}", file=sys.stderr)
        return EXIT_INVALID
    print(f"The configuration is valid (config file: {effective.file or 'none'}).")
    return EXIT_STOPPED


def _check_console(settings: Settings) -> None:
    """Raise an error if the settings request the console, but it cannot be started.

    Raises:
        SettingsError: the console's packages are not installed.
    """
    if settings.console:
        from secantus_server.console_process import check_installed

        check_installed()


def run(settings: Settings, asked: Mapping[str, Any]) -> int:
    """Start the server, print its address, wait until the server stops, and return the exit code.

    Arguments:
        asked: the options that are not settings: `ephemeral` stops the server when its parent process ends, and `print_uri` prints only
            the URI.
    """
    parent = os.getppid()
    from secantus_server.net.listener import ListenError
    from secantus_server.server import SecantusDBServer

    server = SecantusDBServer(**{field.name: getattr(settings, field.name) for field in fields(Settings)})
    # Block the signals before any other thread exists: threads inherit the mask, so only sigwait receives them.
    manager = ServiceManager(os.environ)
    # A SIGHUP from a service manager, or to a daemon with TLS, reloads the certificates. For any other daemon it means that the terminal
    # was closed, and ends the daemon.
    signals = (*SIGNALS, signal.SIGHUP) if settings.takes_tls or manager.is_there else SIGNALS
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=_await_signal, args=(server, signals), name="secantus-signals", daemon=True).start()
    try:
        with _pid_file(settings.pid_file):
            server.start()
            # Objects created at startup are permanent: exclude them from garbage collection.
            gc.freeze()
            print(server.uri if asked.get("print_uri") else f"secantusdb is ready: {server.uri}", flush=True)
            if server.console_url is not None:
                print(f"console: {server.console_url}", file=sys.stderr if asked.get("print_uri") else sys.stdout, flush=True)
            if asked.get("ephemeral"):
                threading.Thread(target=_await_end_of, args=(parent, server), name="secantus-parent", daemon=True).start()
            manager.ready(f"listening on {server.uri}")
            while not server.wait(manager.watchdog_s):
                server.check_alive()
                manager.alive()
            manager.stopping()
            server.services.log.info("shutting down", component="CONTROL", id=23138, summary="Shutting down")
            server.stop()
    except (ListenError, CommandError) as error:
        print(f"secantusdb: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_STOPPED


@contextlib.contextmanager
def _pid_file(path: str) -> Iterator[None]:
    """Return a context manager that creates the pid file and removes it at the end. If `path` is empty, it does nothing.

    Raises:
        CommandError: another daemon is using the file or the file cannot be written.
    """
    if not path:
        yield
        return
    try:
        file = PidFile(Path(path).absolute())
    except BlockingIOError:
        raise CommandError(98, f"The pid file {path} is that of another daemon, which is running.") from None
    except OSError as error:
        raise CommandError(2, f"The pid file {path} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        file.close()


def _await_signal(server: SecantusDBServer, signals: Sequence[signal.Signals]) -> None:
    """Wait for signals and handle them, until a signal requests a stop.

    SIGUSR1 starts a new log file, and SIGHUP reloads the certificates (if any). Any other signal stops the server. A second stop signal
    terminates the process immediately.

    This function runs in a separate thread, because a thread may acquire locks. A signal handler in the main thread may not.
    """
    while (received := signal.sigwait(signals)) not in STOP_SIGNALS:
        # A RuntimeError means that the server is starting or stopping.
        with contextlib.suppress(CommandError, RuntimeError, OSError):
            if received == signal.SIGHUP:
                # If the certificates cannot be used, the log says so.
                if server.settings.takes_tls:
                    server.reload_certificates("SIGHUP")
            else:
                server.rotate_log()
    server.request_stop()
    os._exit(128 + signal.sigwait(STOP_SIGNALS))


def _await_end_of(parent: int, server: SecantusDBServer) -> None:
    """Wait until the parent process ends, then stop the server.

    To detect the end, poll this process's parent id, which changes when the parent ends.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    server.request_stop()


if __name__ == "__main__":
    sys.exit(main())

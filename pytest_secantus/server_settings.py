"""The server settings in the ini option `secantus_settings`, and each xdist worker's share of ports and memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from pytest_secantus.truths import TRUTHS

#: Settings that other options control, or that a server inside pytest cannot have.
NOT_HERE: Final = {
    "storage_path": "use secantus_storage",
    "host": "the server of a test run listens on 127.0.0.1",
    "require_auth": "use secantus_auth, which also creates users",
}
OWN_CERTIFICATE: Final = (
    "clients of the fixtures do not know the authority of tls_cert_file: use secantus_tls = yes, "
    "or tls_mode = preferTLS, with which they connect without TLS"
)
#: The environment variables that xdist sets for its workers.
WORKER: Final = "PYTEST_XDIST_WORKER"
WORKERS: Final = "PYTEST_XDIST_WORKER_COUNT"


def parse_settings(lines: list[str]) -> dict[str, Any]:
    """Parse lines of ``name = value``, with the names and values of `secantusdb.toml`.

    Raises:
        ValueError: a line is not a valid setting; the message says why.
    """
    from secantus_server.settings import Settings, SettingsError, check_names

    kinds = {name: type(value) for name, value in vars(Settings()).items()}
    settings: dict[str, Any] = {}
    for line in lines:
        name, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            raise ValueError(f"{line!r} does not have the form name = value")
        if name in NOT_HERE:
            raise ValueError(f"{name} cannot be set here: {NOT_HERE[name]}")
        try:
            check_names({name: text}, "the server")
            settings[name] = convert(name, text, kinds[name])
            Settings(**settings)
        except SettingsError as error:
            raise ValueError(str(error)) from None
    try:
        if Settings(**settings).check_together().requires_tls:
            raise ValueError(OWN_CERTIFICATE)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return settings


def convert(name: str, text: str, kind: type) -> Any:
    """Convert a text to the type of a setting. For a string, remove the quotes around the text.

    Raises:
        ValueError: the text is not a valid value.
    """
    if kind is str:
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
    try:
        return TRUTHS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        expected = {bool: "yes or no", int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise ValueError(f"{name} must be {expected}, not {text!r}") from None


def is_worker(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process is an xdist worker."""
    return WORKER in environ


def settings_of_worker(settings: Mapping[str, Any], in_memory: bool, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings of this process's server.

    The first xdist worker uses a fixed port itself, and the following workers use the ports after it. The workers share the memory limit
    of in-memory stores equally, unless `cache_size_mb` sets the limit of each worker.
    """
    mine = {"port": 0, **settings}
    workers = int(environ.get(WORKERS, "1"))
    if mine["port"] and (worker := environ.get(WORKER)) is not None:
        mine["port"] += int(worker.removeprefix("gw") or 0)
    if in_memory and workers > 1 and not mine.get("cache_size_mb"):
        from secantus_server.storage.configuration import memory_size_mb

        mine["cache_size_mb"] = max(64, memory_size_mb(None) // workers)
    return mine

"""Sends messages to the service manager with the sd_notify protocol of systemd.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import _socket
from collections.abc import Mapping


class ServiceManager:
    """The service manager that started this process, if it expects messages about the process's state.

    Arguments:
        environ: the environment variables, including `NOTIFY_SOCKET`, and `WATCHDOG_USEC` if there is a watchdog.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An address that begins with @ is in Linux's abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environ.get("WATCHDOG_USEC", "")
        #: Half of the time within which the manager expects `alive`; None without a watchdog.
        self.watchdog_s = int(microseconds) / 2e6 if self._address and microseconds.isdigit() and int(microseconds) else None

    @property
    def is_there(self) -> bool:
        """Return whether a service manager expects messages."""
        return bool(self._address)

    def _send(self, *lines: str) -> None:
        """Send a message to the service manager. Ignore errors of the manager's socket."""
        if not self._address:
            return
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            sock.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return
        finally:
            sock.close()

    def ready(self, status: str) -> None:
        """Report that the service is ready."""
        self._send("READY=1", f"STATUS={status}")

    def alive(self) -> None:
        """Report that the service is working. Without this periodic report, the manager restarts the service."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1", "STATUS=stopping")

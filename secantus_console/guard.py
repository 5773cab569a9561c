"""The security layer around every page: it checks the Host and Origin headers and the session cookie, and adds security headers to
responses.

https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from secantus_console.options import ConsoleOptions
from secantus_console.sessions import Sessions

#: The name of the cookie, to which the port is appended: a browser sends a host's cookies to all of its ports.
COOKIE: Final = "secantus_console_"
#: Paths that need no session, since they show no data of the server.
OPEN_PATHS: Final = ("/static/", "/enter")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RAW_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


class Guard:
    """Refuses forbidden requests, and passes all allowed requests to the application.

    Arguments:
        app: the application that receives allowed requests.
        options: the console's options.
        sessions: the open sessions.
    """

    def __init__(self, app: ASGIApp, options: ConsoleOptions, sessions: Sessions) -> None:
        self._app = app
        self._options = options
        self._sessions = sessions
        self._cookie = f"{COOKIE}{options.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the application."""
        if scope["type"] != "http":
            # No page uses websockets, and a lifespan message has no headers.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
                if all(name != b"cache-control" for name, _value in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """Return the response to a request that is refused or that contains a one-time token.

        For any other request, store its session in the scope and return None.
        """
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("This host name is not the console's: open the address that the console printed.\n", 421)
        if not self._is_same_origin(headers):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if scope["path"] == "/" and scope["method"] == "GET":
            token = parse_qs(scope["query_string"].decode("latin-1")).get("token")
            if token is not None:
                return self._enter(token[0])
        session = scope["session_of_console"] = self._sessions.find(_cookie(headers, self._cookie))
        if session is None and not scope["path"].startswith(OPEN_PATHS):
            if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
                return RedirectResponse("/enter", 303)
            return PlainTextResponse("There is no session: open the address with the token that the console printed.\n", 401)
        return None

    def _enter(self, token: str) -> Response:
        session = self._sessions.enter(token)
        if session is None:
            return RedirectResponse("/enter?used=1", 303)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, session.key, httponly=True, samesite="strict", path="/")
        return answer

    def _is_ours(self, host: str) -> bool:
        """Return whether a Host header names this console. This prevents DNS rebinding, in which a different site resolves its name to
        our address.

        A console on a loopback address accepts only loopback names. A console on any other address accepts that name, this machine's
        name, and any IP address, because the name of a different site cannot be an IP address.
        """
        name, port = _split(host)
        if port != self._options.port:
            return False
        address = _address(name)
        if _is_loopback(self._options.host):
            return name == "localhost" or (address is not None and address.is_loopback)
        return address is not None or name in ("localhost", self._options.host.lower(), socket.gethostname().lower())

    def _is_same_origin(self, headers: Headers) -> bool:
        """Return whether the headers show that this site, and not a different one, sent the request. A link from any site to a page is
        allowed.
        """
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers['host']}":
            return False
        site = headers.get("sec-fetch-site", "none")
        return site in ("none", "same-origin") or headers.get("sec-fetch-mode") == "navigate"


def _split(host: str) -> tuple[str, int]:
    """Return the name and the port in a Host header. The port is -1 if the header is invalid."""
    name, separator, port = host.rpartition(":")
    if not separator or host.endswith("]"):
        name, port = host, "80"
    return name.lower().strip("[]"), int(port) if port.isascii() and port.isdigit() else -1


@lru_cache(64)
def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _cookie(headers: Headers, name: str) -> str | None:
    """Return the value of a cookie, or None."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if cookie is None else cookie.value

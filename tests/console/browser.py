"""A browser for tests of the console: requests over real sockets, with a cookie."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Browser:
    """Sends requests to a console."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.cookie = ""

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Send a request with exactly these headers besides Host and the cookie; underscores in names become hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Cookie": self.cookie} if self.cookie else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        reply = connection.getresponse()
        answer = Answer(reply.status, reply.headers, reply.read().decode())
        connection.close()
        return answer

    def enter(self, token: str) -> Answer:
        """Open a session."""
        answer = self.send("GET", f"/?token={token}")
        self.cookie = (answer.headers["set-cookie"] or "").partition(";")[0]
        return answer

    def get(self, path: str, **parameters: Any) -> Answer:
        """Load a page as a browser does."""
        return self.send("GET", self._url(path, parameters), Accept="text/html", Sec_Fetch_Site="same-origin")

    def data(self, path: str, **parameters: Any) -> Any:
        """Load a page as JSON."""
        answer = self.send("GET", self._url(path, {**parameters, "format": "json"}))
        assert answer.status == 200, answer.text
        return answer.json

    def post(self, path: str, **fields: Any) -> Answer:
        """Send a form with the token of the session."""
        return self.post_without_token(path, **{"csrf": self.csrf(), **fields})

    def post_without_token(self, path: str, **fields: Any) -> Answer:
        """Send a form without the token of the session."""
        body = urlencode({name: text(value) for name, value in fields.items()})
        return self.send("POST", path, body, Content_Type="application/x-www-form-urlencoded", Origin=self.origin, Accept="text/html")

    def csrf(self) -> str:
        """Return the token of the session's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/login").text)
        assert found, "the login page has a form"
        return found[1]

    @staticmethod
    def _url(path: str, parameters: dict[str, Any]) -> str:
        return f"{path}?{urlencode({name: text(value) for name, value in parameters.items()})}" if parameters else path


def text(value: Any) -> str:
    """Return a parameter's text; documents and arrays become JSON."""
    return value if isinstance(value, str) else json.dumps(value)

"""The console as an ASGI application, which runs the handlers and responds with HTML or JSON."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from secantus_console import ejson
from secantus_console.console import Console
from secantus_console.errors import InputError, NotAllowed, NotThere
from secantus_console.forms import read_form
from secantus_console.guard import Guard
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Download, Entry, Moved, Page
from secantus_console.pages import ROUTES
from secantus_console.render import Renderer
from secantus_console.sessions import Session, Sessions

_STATIC: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_READ_ONLY: Final = "This console is read-only: start it with --console-write to change anything."
# MongoDB's error codes for a missing privilege, a missing login and a failed login.
_UNAUTHORIZED: Final = (13, 18)
_MAX_THREADS: Final = 40
_Result = TypeVar("_Result")


class _Threads:
    """The thread pool that renders the pages. It replaces Starlette's own pool, which takes twice as long to transfer a call and its
    result.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="secantus-console-page")

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run a function in a thread of the pool without blocking the event loop, and return the result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)


def build(console: Console, sessions: Sessions) -> Guard:
    """Return the ASGI application of the console."""
    renderer, threads = Renderer(console), _Threads()
    routes = [Route(entry.path, _endpoint(entry, console, renderer, threads), methods=[entry.method]) for entry in ROUTES]
    routes += [
        Route("/static/{name}", _static),
        Route("/enter", _enter(renderer, sessions, threads), methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found(renderer)})
    return Guard(app, console.options, sessions)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    path = Path(__file__).parent / "static" / name
    return FileResponse(path, media_type=_STATIC[name], headers={"Cache-Control": "max-age=3600"})


def _enter(renderer: Renderer, sessions: Sessions, threads: _Threads) -> Callable[[Request], Any]:
    """Return the endpoint for a browser without a session. On its page, the user can request a new token, which is printed in the
    terminal.
    """

    async def enter(request: Request) -> Response:
        if request.method == "POST":
            await threads.run(sessions.renew)
            return RedirectResponse("/enter?new=1", 303)
        data = {"used": "used" in request.query_params, "new": "new" in request.query_params}
        return Response(renderer.html(Page("enter.html", "No session", data), None, {}), media_type="text/html")

    return enter


def _not_found(renderer: Renderer) -> Callable[[Request, Exception], Any]:
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for this class"
        text = "There is no such page." if error.status_code == 404 else error.detail
        page = Page("error.html", "Error", {"error": text}, error.status_code)
        return _page(page, request, renderer, request.scope.get("session_of_console"), {})

    return answer


def _endpoint(entry: Entry, console: Console, renderer: Renderer, threads: _Threads) -> Callable[[Request], Any]:
    """Return the function that handles the requests to a route."""

    async def endpoint(request: Request) -> Response:
        session: Session = request.scope["session_of_console"]
        fields: dict[str, str] = dict(request.query_params)
        try:
            if entry.method == "POST":
                fields = await read_form(request)
                _check_form(entry, console, session, request, fields)
        except (InputError, NotAllowed) as error:
            return await threads.run(_respond, _error_page(error), request, renderer, session, fields)
        return await threads.run(answer, request, session, fields)

    def answer(request: Request, session: Session, fields: dict[str, str]) -> Response:
        # The handler and the template run in one thread: each change of threads costs a page 0.1 ms.
        given: Answer
        try:
            given = entry.handler(Call(console, session, fields))
        except (InputError, NotAllowed, NotThere, PyMongoError) as error:
            if isinstance(error, OperationFailure) and error.code in _UNAUTHORIZED and session.client is None and entry.path != "/login":
                given = Moved("/login")
            else:
                given = _error_page(error)
        return _respond(given, request, renderer, session, fields)

    return endpoint


def _check_form(entry: Entry, console: Console, session: Session, request: Request, fields: dict[str, str]) -> None:
    """Check the form's token, and refuse a route that writes if the console is read-only.

    Raises:
        NotAllowed: the token is missing or wrong, or the console is read-only.
    """
    given = fields.pop("csrf", "") or request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise NotAllowed("The form is not of this session: load the page again.")
    if entry.writes and not console.options.write:
        raise NotAllowed(_READ_ONLY)


def _error_page(error: Exception) -> Page:
    return Page("error.html", "Error", {"error": message_of(error)}, _status(error))


def _status(error: Exception) -> int:
    if isinstance(error, NotAllowed):
        return 403
    if isinstance(error, NotThere):
        return 404
    return 502 if isinstance(error, ConnectionFailure) else 400


def _respond(answer: Answer, request: Request, renderer: Renderer, session: Session, fields: dict[str, str]) -> Response:
    if isinstance(answer, Download):
        headers = {"Content-Disposition": f'attachment; filename="{answer.name}"'}
        return StreamingResponse(answer.pieces, media_type=answer.media_type, headers=headers)
    if isinstance(answer, Moved):
        if _wants_json(request):
            return _json({"moved": answer.url, "notice": answer.notice}, 200)
        if answer.notice:
            session.notices.append(answer.notice)
        return RedirectResponse(answer.url, 303)
    return _page(answer, request, renderer, session, fields)


def _page(page: Page, request: Request, renderer: Renderer, session: Session | None, fields: dict[str, str]) -> Response:
    if _wants_json(request):
        return _json(page.data, page.status)
    return Response(renderer.html(page, session, fields, request.url.path, request.url.query), page.status, media_type="text/html")


def _json(data: Any, status: int) -> Response:
    return Response(ejson.dumps(data) + "\n", status, media_type="application/json")


def _wants_json(request: Request) -> bool:
    wanted = request.query_params.get("format")
    accept = request.headers.get("accept", "")
    return wanted == "json" or (wanted is None and "application/json" in accept and "text/html" not in accept)

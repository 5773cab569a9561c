"""`python -m tests.console.bare_page URI` serves the shortest page of documents that the console's libraries allow, for `page_times`.

The page runs one query and escapes its documents. It has no session, template, layout or second command. Its time is therefore the least
that a page of Starlette, uvicorn and pymongo can take.
"""

from __future__ import annotations

import html
import json
import socket
import sys
from typing import Any

import uvicorn
from bson import json_util
from pymongo import MongoClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def build(client: MongoClient[dict[str, Any]]) -> Starlette:
    """Return the application. Its parameters are those of the console's page of documents."""

    def page(request: Request) -> Response:
        asked = request.query_params
        order = [*json.loads(asked["sort"]).items(), ("_id", 1)]
        collection = client[asked["db"]][asked["collection"]]
        found = list(collection.find(json.loads(asked["filter"]), sort=order, limit=int(asked["limit"]) + 1))
        texts = "".join(f"<pre>{html.escape(json_util.dumps(document, indent=2))}</pre>" for document in found)
        return Response(f"<!doctype html><title>documents</title>{texts}", media_type="text/html")

    async def endpoint(request: Request) -> Response:
        # Without a thread: one page at a time, but no time for the transfer of the call.
        return page(request)

    return Starlette(routes=[Route("/documents", endpoint)])


def main() -> None:
    """Print the address and serve until the process is killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(build(MongoClient(sys.argv[1])), log_level="error", access_log=False, lifespan="off", ws="none")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()

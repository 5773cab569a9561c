"""Visits every page of the console in Chromium, in light and dark, 1280 and 390 pixels wide, and checks it with axe-core.

python -m tests.console.walk [--axe axe.min.js] [--screenshots DIR]

It needs playwright, the packages of the extra, and Chromium at /usr/bin/chromium or in $CHROMIUM. If one of them is missing, it says so
and exits with 0. axe-core comes from npm (`npm pack axe-core`); without --axe it is not run. The exit code is 1 for a serious violation,
an error in the browser, a page that is wider than the window, or a request to another host.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient

from secantus_server import SecantusDBServer

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SERIOUS = ("serious", "critical")
WIDTHS = {1280: 900, 390: 844}
_HERE = "db=shop&collection=orders"
PAGES = {
    "databases": "/",
    "database": "/database?db=shop",
    "documents": f"/documents?{_HERE}&limit=5",
    "table": f"/documents?{_HERE}&view=table&limit=12",
    "document": f"/document?{_HERE}&id=7",
    "aggregation": f'/aggregate?{_HERE}&pipeline=[{{"$match":{{"status":"paid"}}}},{{"$group":{{"_id":"$city"'
    ',"total":{"$sum":"$total"}}},{"$sort":{"total":-1}}]',
    "explain": f'/explain?{_HERE}&filter={{"city":"Oslo","total":{{"$gt":50}}}}&sort={{"placed":-1}}',
    "schema": f"/schema?{_HERE}",
    "indexes": f"/indexes?{_HERE}",
    "validator": "/validator?db=shop&collection=customers",
    "metrics": "/metrics",
    "operations": "/operations?all=1",
    "connections": "/connections",
    "sessions": "/sessions",
    "profiler": "/profiler?db=shop",
    "log": "/log",
    "oplog": "/oplog",
    "changes": "/changes?db=shop",
    "users": "/users",
    "roles": "/roles",
    "backup": "/backup",
    "login": "/login",
    "test": "/test",
    "error": "/nothing",
}
TEST: dict[str, Any] = {
    "test": "tests/test_orders.py::test_a_refund_reopens_the_order",
    "reason": "AssertionError: assert 'closed' == 'open'",
    "database": "shop",
    "differences": [
        {
            "namespace": "shop.orders",
            "state": "kept",
            "added": ['{ _id: 901, city: "Oslo", status: "closed" }'],
            "removed": [],
            "changed": [{"before": '{ _id: 7, status: "paid" }', "after": '{ _id: 7, status: "refunded" }'}],
            "more": 0,
        }
    ],
    "differencesNote": "",
    "commands": [
        {
            "text": 'db.orders.find({ city: "Oslo" })',
            "plan": "COLLSCAN",
            "scanned": 400,
            "ms": 0.8,
            "source": "orders.py:41",
            "error": None,
        },
        {
            "text": 'db.orders.updateOne({ _id: 7 }, { $set: { status: "refunded" } })',
            "plan": "EXPRESS_IXSCAN { _id: 1 }",
            "scanned": 1,
            "ms": 0.1,
            "source": "orders.py:52",
            "error": None,
        },
        {
            "text": 'db.orders.insertOne({ _id: 7, city: "Oslo", … })',
            "plan": "",
            "scanned": None,
            "ms": 0.1,
            "source": "orders.py:58",
            "error": "11000",
        },
    ],
    "commandsLeftOut": 3,
    "snapshots": [{"scope": "session", "written": True}, {"scope": "test", "written": True}],
    "seeds": ["tests/seeds/shop"],
}


def fill(client: MongoClient[dict[str, Any]]) -> None:
    """Write the data that the pages show."""
    cities, states = ("Oslo", "Ghent", "Porto", "Turku"), ("paid", "open", "sent")
    orders = client.shop.orders
    client.shop.command("profile", 2)
    orders.insert_many(
        {
            "_id": number,
            "city": cities[number % 4],
            "status": states[number % 3],
            "total": round(number * 1.37 % 120, 2),
            "placed": datetime(2026, 1 + number % 11, 1 + number % 27, tzinfo=timezone.utc),
            "lines": [{"article": f"A-{number % 13}", "pieces": 1 + number % 4}],
            **({"coupon": "SPRING"} if number % 5 == 0 else {}),
        }
        for number in range(400)
    )
    orders.create_index("city")
    orders.create_index([("city", 1), ("placed", -1)], name="city_and_time")
    list(orders.find({"status": "paid"}))
    schema = {"bsonType": "object", "required": ["name"], "properties": {"name": {"bsonType": "string"}}}
    client.shop.create_collection("customers", validator={"$jsonSchema": schema})
    client.shop.create_collection("paid", viewOn="orders", pipeline=[{"$match": {"status": "paid"}}])
    client.admin.command("createUser", "ann", pwd="secret", roles=["readWriteAnyDatabase", {"role": "read", "db": "shop"}])
    orders.update_one({"_id": 7}, {"$set": {"status": "sent"}})


@contextmanager
def filled_console() -> Iterator[tuple[str, MongoClient[dict[str, Any]]]]:
    """Serve a console that may write; yield its address with the token, and a client of its server."""
    from secantus_console.console import Console
    from secantus_console.options import ConsoleOptions
    from secantus_console.serving import Serving, listen
    from secantus_console.test_view import TestView

    view = TestView(lambda: None)
    view.show(TEST)
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        fill(client)
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        serving = Serving(Console(ConsoleOptions(server.uri, "127.0.0.1", port, write=True), view), listener, "token", print)
        serving.start()
        try:
            yield f"http://127.0.0.1:{port}/?token=token", client
        finally:
            serving.stop()


class Walk:
    """A walk over the pages.

    Arguments:
        page: Playwright's page.
        address: the console's address.
        axe: the source of axe-core, or None.
        screenshots: the directory for screenshots, or None.
    """

    def __init__(self, page: Any, address: str, axe: str | None, screenshots: Path | None) -> None:
        self._page, self._address, self._axe, self._screenshots = page, address, axe, screenshots
        self.problems: list[str] = []
        self._where = ""
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(address) else self._note(f"request to {request.url}"))

    def _note(self, problem: str) -> None:
        if not ("404" in problem and "error" in self._where):
            self.problems.append(f"{self._where}: {problem}")

    def visit(self, name: str, path: str, scheme: str, width: int) -> None:
        """Load a page, and check it."""
        self._where = f"{name} {scheme} {width}"
        self._page.emulate_media(color_scheme=scheme)
        self._page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        self._page.goto(self._address + quote(path, safe="/?=&"))
        if self._page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            self._note("the page is wider than the window")
        if self._screenshots is not None:
            self._page.screenshot(path=self._screenshots / f"{name}-{scheme}-{width}.png", full_page=True)
        if self._axe is not None:
            # evaluate() runs in the page without a script element, so the page's policy does not forbid it.
            self._page.evaluate(self._axe)
            found = self._page.evaluate("axe.run()")["violations"]
            for violation in found:
                if violation["impact"] in SERIOUS:
                    targets = [node["html"][:120] for node in violation["nodes"][:3]]
                    self._note(f"{violation['impact']}: {violation['id']} {targets}")


def main() -> int:
    """Walk; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axe", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--only", help="pages, separated by commas")
    given = parser.parse_args()
    try:
        import starlette  # noqa: F401
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        print(f"skipped: {error}")
        return 0
    if not Path(CHROMIUM).exists():
        print("skipped: there is no Chromium")
        return 0
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    axe = given.axe.read_text(encoding="utf-8") if given.axe else None
    names = given.only.split(",") if given.only else list(PAGES)
    with filled_console() as (url, _client), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        walk = Walk(page, url.partition("/?")[0], axe, given.screenshots)
        page.goto(f"{url.partition('/?')[0]}/metrics")
        time.sleep(2.2)  # a chart needs two samples
        for name in names:
            for scheme in ("light", "dark"):
                for width in WIDTHS:
                    walk.visit(name, PAGES[name], scheme, width)
        browser.close()
    print("\n".join(walk.problems) or f"{len(names)} pages, no problem{'' if axe else ' (without axe-core)'}")
    return 1 if walk.problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""The console's gate: tokens, hosts, origins, forms, paths and hostile names."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from tests.console.browser import Browser
from tests.console.conftest import TOKEN, entered, serving

Client = MongoClient[dict[str, Any]]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.mark.parametrize("path", ["/", "/documents?db=a&collection=b", "/document/delete", "/nothing", "/export?db=a&collection=b"])
def test_nothing_without_a_session(read_only: Browser, path: str) -> None:
    stranger = Browser(read_only.port)
    assert stranger.send("GET", path).status == 401
    assert stranger.send("POST", path).status == 401
    answer = stranger.get(path)
    assert (answer.status, answer.headers["location"]) == (303, "/enter")
    stranger.cookie = f"secantus_console_{read_only.port}=guess"
    assert stranger.send("GET", path).status == 401


def test_a_token_opens_one_session(server: SecantusDBServer) -> None:
    with serving(server.uri) as served:
        browser = Browser(served.port)
        assert browser.enter("another").headers["location"] == "/enter?used=1"
        assert browser.cookie == ""
        cookie = browser.enter(TOKEN).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert browser.get("/").status == 200
        again = Browser(served.port)
        assert again.enter(TOKEN).headers["location"] == "/enter?used=1"
        assert again.cookie == ""


def test_a_new_token_appears_where_the_console_runs(server: SecantusDBServer) -> None:
    with serving(server.uri) as served:
        first = entered(served)
        stranger = Browser(served.port)
        answer = stranger.post_without_token("/enter")
        assert answer.status == 303
        [token] = served.announced
        assert token not in answer.text
        stranger.post_without_token("/enter")
        assert served.announced == [token], "the next one takes a while"
        assert stranger.enter(token).status == 303
        assert stranger.get("/").status == 200
        assert first.get("/").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""])
def test_another_host_name_is_refused(read_only: Browser, host: str) -> None:
    answer = read_only.send("GET", "/", Host=host.format(port=read_only.port))
    assert answer.status == 421
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_the_names_of_loopback_are_ours(read_only: Browser, host: str) -> None:
    assert read_only.send("GET", "/", Host=host.format(port=read_only.port)).status == 200


@pytest.mark.parametrize(("host", "status"), [("192.0.2.1:{port}", 200), ("localhost:{port}", 200), ("evil.example:{port}", 421)])
def test_on_all_addresses_no_other_name_is_ours(server: SecantusDBServer, host: str, status: int) -> None:
    with serving(server.uri, host="0.0.0.0") as served:
        assert entered(served).send("GET", "/", Host=host.format(port=served.port)).status == status


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}"]
)
def test_another_origin_is_refused(browser: Browser, origin: str) -> None:
    headers = {"Origin": origin.format(port=browser.port), "Content_Type": "application/x-www-form-urlencoded"}
    body = f"csrf={browser.csrf()}&db=a&collection=b"
    assert browser.send("POST", "/database/create", body, **headers).status == 403
    assert browser.send("GET", "/", Origin=headers["Origin"]).status == 403


def test_another_site_may_only_link_here(read_only: Browser) -> None:
    assert read_only.send("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert read_only.send("GET", "/", Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors").status == 403
    assert read_only.send("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


def test_a_form_needs_the_token_of_its_session(browser: Browser, client: Client) -> None:
    for fields in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "é"}):
        assert browser.post_without_token("/database/create", db="a", collection="b", **fields).status == 403
    assert "a" not in client.list_database_names()
    assert browser.post("/database/create", db="a", collection="b").status == 303
    assert client.a.list_collection_names() == ["b"]


def test_a_form_is_not_json(browser: Browser) -> None:
    answer = browser.send("POST", "/database/create", "{}", Content_Type="text/plain", Origin=browser.origin)
    assert answer.status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages/documents.py",
        "/static/..%2fguard.py",
        "/static/%2e%2e/guard.py",
        "/static/%2e%2e%2fguard.py",
        "/static/..\\guard.py",
        "/static//etc/passwd",
        "/static/htmx.LICENSE.txt",
        "/static/",
        "/static",
        "//evil.example/",
        "/documents/../../etc/passwd",
    ],
)
def test_paths_lead_to_no_other_file(read_only: Browser, path: str) -> None:
    answer = read_only.send("GET", path)
    assert answer.status == 404
    assert "root:" not in answer.text


def test_files_of_the_pages_are_there(read_only: Browser) -> None:
    for name in ("console.css", "console.js", "htmx.min.js", "icon.svg"):
        answer = Browser(read_only.port).send("GET", f"/static/{name}")
        assert answer.status == 200, name
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_headers_allow_no_foreign_content(read_only: Browser) -> None:
    for path in ("/", "/nothing", "/static/console.css", "/enter"):
        policy = read_only.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert read_only.get("/").headers["cache-control"] == "no-store"


def check_no_markup(text: str) -> None:
    """Check that a page contains no markup of the hostile text, and neither inline script nor inline style."""
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert not re.search(r"\s(style|on\w+)=\"", text)
    assert "<style" not in text


def test_hostile_names_and_documents_stay_text(browser: Browser, client: Client) -> None:
    name = HOSTILE.replace("/", "|").replace(" ", "_")
    collection = client.shop[name]
    collection.insert_one({"_id": HOSTILE, HOSTILE: HOSTILE, "nested": [{HOSTILE: 1}]})
    collection.create_index([(HOSTILE.replace(".", "_"), 1)], name=HOSTILE)
    here = {"db": "shop", "collection": name}
    pages = [
        browser.get("/database", db="shop"),
        browser.get("/documents", **here),
        browser.get("/documents", **here, view="table"),
        browser.get("/documents", **here, filter={HOSTILE: 1}),
        browser.get("/documents", **here, filter=HOSTILE, sort=HOSTILE, limit=HOSTILE, view=HOSTILE),
        browser.get("/documents", db=name, collection=HOSTILE),
        browser.get("/nothing", x=HOSTILE),
    ]
    for page in pages:
        check_no_markup(page.text)


def test_a_read_only_console_refuses_every_write(read_only: Browser, client: Client) -> None:
    from secantus_console.pages import ROUTES

    client.shop.fruit.insert_one({"_id": 1})
    writes = [entry.path for entry in ROUTES if entry.method == "POST" and entry.writes]
    assert len(writes) > 4
    for path in writes:
        answer = read_only.post(path, db="shop", collection="fruit", confirm="fruit", id="1")
        assert answer.status == 403, path
        assert "--console-write" in answer.text
    assert client.shop.fruit.count_documents({}) == 1
    for path in writes:
        assert read_only.send("GET", path).status in (404, 405), path


def test_a_broken_request_does_not_end_it(read_only: Browser) -> None:
    for request in (b"\0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET " + b"a" * 100_000):
        with socket.create_connection(("127.0.0.1", read_only.port), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            reply = connection.recv(4096)
            assert b" 200 " not in reply
    assert read_only.get("/").status == 200

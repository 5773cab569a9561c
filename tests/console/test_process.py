"""The console's process, which a server starts: its start, its end, and errors at the start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.errors import InvalidOperation

from secantus_console.serving import listen
from secantus_server import SecantusDBServer
from secantus_server.net.listener import ListenError
from secantus_server.settings import SettingsError
from tests.console.browser import Browser
from tests.console.conftest import entered, serving
from tests.integration.daemon import command, environment
from tests.waiting import wait_until

MEMORY = {"port": 0, "storage_path": ":memory:"}


def browser_of(url: str) -> Browser:
    """Return a browser that has opened an address with a token."""
    parts = urlsplit(url)
    assert parts.port is not None
    browser = Browser(parts.port)
    assert browser.enter(parts.query.removeprefix("token=")).status == 303
    return browser


def test_beside_an_embedded_server() -> None:
    with SecantusDBServer(**MEMORY, console=True, console_port=0) as server, MongoClient(server.uri) as client:
        client.shop.fruit.insert_one({"_id": "fig"})
        assert server.console_url is not None
        browser = browser_of(server.console_url)
        data = browser.data("/documents", db="shop", collection="fruit")
        assert data["documents"] == [{"_id": "fig"}]
    with pytest.raises(ConnectionError):
        browser.get("/")


def test_beside_a_server_with_tls(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    trustme.CA().issue_cert("elsewhere.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with SecantusDBServer(**MEMORY, tls={"cert_file": tmp_path / "server.pem"}, console=True, console_port=0) as server:
        assert server.console_url is not None
        assert browser_of(server.console_url).get("/").status == 200


def test_no_console_unless_asked() -> None:
    with SecantusDBServer(**MEMORY) as server:
        assert server.console_url is None


def test_replies_do_not_wait_for_acknowledgements() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _address = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_starts_again_with_its_console() -> None:
    server = SecantusDBServer(**MEMORY, console=True, console_port=0)
    for _ in range(2):
        with server:
            assert server.console_url is not None
            assert browser_of(server.console_url).get("/").status == 200


def test_a_used_port_is_an_error() -> None:
    with SecantusDBServer(**MEMORY, console=True, console_port=0) as server:
        assert server.console_url is not None
        port = urlsplit(server.console_url).port
        with pytest.raises(ListenError, match="for the console"), SecantusDBServer(**MEMORY, console=True, console_port=port):
            pass


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(SettingsError, match="secantusdb-admin"):
        tls = {"cert_file": "a.pem", "ca_file": "b.pem", "require_client_cert": True}
        SecantusDBServer(**MEMORY, console=True, tls=tls)


def test_beside_the_daemon() -> None:
    line = command("--ephemeral", "--console", "0", "--console-write")
    with subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("secantusdb is ready")
        url = process.stdout.readline().removeprefix("console: ").strip()
        browser = browser_of(url)
        assert "read-only" not in browser.get("/").text
        # The console must end with its server, even if the server was killed and could not close the console.
        (console,) = _children(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: _refuses(browser), "the console goes on without its server")
        assert _has_ended(console), "the console closes its port, and goes on"


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def _has_ended(pid: int) -> bool:
    """Return whether a process has ended, even if its exit status has not been read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _refuses(browser: Browser) -> bool:
    try:
        browser.get("/")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("program", ["secantusdb", "secantusdb-admin"])
def test_without_the_extra_there_is_one_sentence(program: str, tmp_path: Path) -> None:
    hidden = "import sys, importlib.util\nfind = importlib.util.find_spec\n"
    hidden += "importlib.util.find_spec = lambda name, *a: None if name == 'starlette' else find(name, *a)\n"
    module = "secantus_console.admin" if program.endswith("admin") else "secantus_server.cli"
    arguments = ["--uri", "mongodb://127.0.0.1:1"] if program.endswith("admin") else ["--console", "--ephemeral"]
    code = f"{hidden}from {module} import main\nsys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert 'pip install "pytest-secantus[console]"' in done.stderr


def test_the_admin_program(tmp_path: Path) -> None:
    with SecantusDBServer(**MEMORY, require_auth=True, enable_test_commands=True) as server:
        with MongoClient(server.uri) as client:
            client.admin.command("createUser", "root", pwd="secret", roles=["root"])
        uri = server.uri.replace("mongodb://", "mongodb://root:secret@")
        line = [sys.executable, "-m", "secantus_console.admin", "--no-window"]
        with subprocess.Popen(line, env={**os.environ, "SECANTUS_ADMIN_URI": uri}, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            browser = browser_of(process.stdout.readline().removeprefix("console: ").strip())
            page = browser.get("/")
            assert page.status == 200
            assert "secret" not in page.text
            process.terminate()
            process.wait(20)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "give --uri"),
        (["--uri", "mongodb://"], 2, "invalid"),
        (["--uri", "mongodb://a", "--host", "203.0.113.1"], 1, "cannot listen"),
    ],
)
def test_errors_of_the_admin_program(arguments: list[str], code: int, text: str) -> None:
    line = [sys.executable, "-m", "secantus_console.admin", "--no-window", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert text in done.stderr


def test_the_server_imports_nothing_of_it() -> None:
    code = (
        "import sys\nfrom secantus_server import SecantusDBServer\n"
        "with SecantusDBServer(port=0, storage_path=':memory:'): pass\n"
        "found = [name for name in sys.modules if name.startswith(('secantus_console', 'starlette', 'uvicorn', 'jinja2'))]\n"
        "assert not found and 'secantus_server.console_process' not in sys.modules, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_end_closes_the_clients_of_users() -> None:
    with SecantusDBServer(**MEMORY, require_auth=True, enable_test_commands=True) as server:
        with MongoClient(server.uri) as client:
            client.admin.command("createUser", "root", pwd="secret", roles=["root"])
        with serving(server.uri) as served:
            browser = entered(served)
            assert browser.post("/login", user="root", password="secret").status == 303
            session = served.sessions.find(browser.cookie.partition("=")[2])
            assert session.client.admin.command("ping")["ok"] == 1
        with pytest.raises(InvalidOperation):
            session.client.admin.command("ping")


def test_the_admin_program_names_a_taken_port_once() -> None:
    with SecantusDBServer(**MEMORY) as server:
        line = [sys.executable, "-m", "secantus_console.admin", "--no-window", "--uri", server.uri, "--port", str(server.port)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, f"secantusdb-admin: cannot listen on 127.0.0.1:{server.port}: Address already in use.\n")

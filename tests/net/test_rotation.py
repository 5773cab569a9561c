"""New certificates while the server runs: rotateCertificates, SIGHUP, files that cannot be used."""

from __future__ import annotations

import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from secantus_server.server import SecantusDBServer
from tests.integration.daemon import running
from tests.net.raw_client import RawClient
from tests.net.tls_files import Files
from tests.waiting import wait_until


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return Files(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    return Files(tmp_path / "new")


@pytest.fixture
def server(old: Files) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="info", tls_cert_file=old.server) as running:
        yield running


def connect(server: SecantusDBServer, files: Files) -> RawClient:
    """Connect a client that trusts only the authority of these files."""
    client = RawClient(server)
    client.socket = files.client_context().wrap_socket(client.socket, server_hostname="localhost")
    return client


def ping(client: RawClient) -> Any:
    return client.run({"ping": 1, "$db": "admin"})["ok"]


def test_new_connections_use_the_new_certificate(server: SecantusDBServer, old: Files, new: Files) -> None:
    before = connect(server, old)
    shutil.copy(new.server, old.server)
    assert ping(connect(server, old)) == 1
    assert before.run({"rotateCertificates": 1, "message": "the yearly ones", "$db": "admin"})["ok"] == 1
    assert ping(before) == 1
    assert ping(connect(server, new)) == 1
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server, old)
    assert "the certificates were rotated (rotateCertificates: the yearly ones)" in server.services.log.lines


def test_a_certificate_that_cannot_be_used_changes_nothing(server: SecantusDBServer, old: Files) -> None:
    client = connect(server, old)
    original = Path(old.server).read_text()
    Path(old.server).write_text("nothing")
    reply = client.run({"rotateCertificates": 1, "$db": "admin"})
    assert (reply["code"], reply["codeName"]) == (140, "InvalidSSLConfiguration")
    assert "Cannot use the certificate" in reply["errmsg"]
    assert ping(connect(server, old)) == 1
    assert any(line.startswith("the certificates were not rotated (rotateCertificates)") for line in server.services.log.lines)
    Path(old.server).write_text(original)
    assert client.run({"rotateCertificates": 1, "$db": "admin"})["ok"] == 1


def test_no_session_from_before_is_resumed(server: SecantusDBServer, old: Files) -> None:
    context = old.client_context(maximum_version=ssl.TLSVersion.TLSv1_2)

    def resumed(session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession | None]:
        client = RawClient(server)
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost", session=session)
        assert ping(client) == 1
        result = client.socket.session_reused, client.socket.session
        client.close()
        return result

    first, session = resumed(None)
    assert (first, resumed(session)[0]) == (False, True)
    server.reload_certificates()
    assert resumed(session)[0] is False


def test_a_server_without_certificates_has_none_to_rotate() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        with pytest.raises(OperationFailure, match="started without tls_cert_file") as caught:
            client.admin.command("rotateCertificates")
        assert caught.value.code == 140
        with pytest.raises(OperationFailure, match="may only be run against the admin database"):
            client.test.command("rotateCertificates")


def test_sighup(old: Files, new: Files) -> None:
    with running(":memory:", "--tls-cert-file", old.server) as daemon, daemon.client(tlsCAFile=old.ca) as client:
        client.test.c.insert_one({"_id": 1})
        shutil.copy(new.server, old.server)
        daemon.process.send_signal(signal.SIGHUP)

        def is_new() -> bool:
            with daemon.client(tlsCAFile=new.ca, serverSelectionTimeoutMS=200) as other:
                try:
                    return other.test.c.find_one() == {"_id": 1}
                except ServerSelectionTimeoutError as error:
                    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
                    return False

        wait_until(is_new, "the old certificate stays in use")
        assert client.test.c.find_one() == {"_id": 1}
        Path(old.server).unlink()
        daemon.process.send_signal(signal.SIGHUP)
        assert is_new()
        code, log = daemon.stop()
        assert code == 0
        assert "the certificates were not rotated (SIGHUP): Cannot read tls_cert_file" in log


@pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="SIGHUP is ignored here, as under nohup")
def test_sighup_ends_a_daemon_without_tls() -> None:
    with running() as daemon:
        assert daemon.stop(signal.SIGHUP)[0] == -signal.SIGHUP

"""TLS: modes, certificates of clients, and clients that speak the wrong protocol or stop in the middle of a handshake."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, ServerSelectionTimeoutError

from secantus_server.clock import Clock
from secantus_server.dispatch.client import ClientInfo
from secantus_server.net._receive import Turn
from secantus_server.net.certificates import CertificateError, Certificates
from secantus_server.net.plain import PlainTransport
from secantus_server.net.tls import TlsTransport
from secantus_server.server import SecantusDBServer
from secantus_server.settings import Settings
from secantus_server.system.sockets import Socket
from tests.net.raw_client import RawClient
from tests.net.tls_files import Files
from tests.waiting import threads_of_connections, wait_until
from tests.wire.messages import command


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    """Set the level of the captured log, so that messages after the end of a client are captured, too."""
    caplog.set_level(logging.INFO)


def started(files: Files, **settings: Any) -> SecantusDBServer:
    """Return a server with a certificate."""
    return SecantusDBServer(port=0, storage_path=":memory:", **{"tls_cert_file": files.server, **settings})


@pytest.fixture(scope="module")
def server(files: Files) -> Iterator[SecantusDBServer]:
    with started(files) as running:
        yield running


@pytest.fixture(scope="module")
def mixed(files: Files) -> Iterator[SecantusDBServer]:
    with started(files, tls_mode="preferTLS") as running:
        yield running


@pytest.fixture(scope="module")
def mutual(files: Files) -> Iterator[SecantusDBServer]:
    with started(files, tls_ca_file=files.ca, tls_require_client_cert=True) as running:
        yield running


@contextmanager
def client_of(server: SecantusDBServer, files: Files, **options: Any) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(server.uri, **{"tls": True, "tlsCAFile": files.ca, "serverSelectionTimeoutMS": 20_000, **options}) as client:
        yield client


class EncryptedClient(RawClient):
    """A raw client over TLS."""

    def __init__(self, server: SecantusDBServer, context: ssl.SSLContext) -> None:
        super().__init__(server)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=True)

    @property
    def version(self) -> str | None:
        assert isinstance(self.socket, ssl.SSLSocket)
        return self.socket.version()


def info_of(server: SecantusDBServer, client: RawClient) -> ClientInfo:
    """Return the server's information about a connection."""
    number = client.run({"hello": 1, "$db": "admin"})["connectionId"]
    return next(one for one in server.services.connections.all() if one.connection_id == number)


def test_commands_over_tls(server: SecantusDBServer, files: Files) -> None:
    assert server.uri.endswith("&tls=true")
    with client_of(server, files) as client:
        documents = [{"_id": number, "text": "x" * 1000} for number in range(2000)]
        client.tls.c.insert_many(documents)
        assert list(client.tls.c.find().sort("_id")) == documents
        assert client.tls.c.find_one({"_id": 7}) == documents[7]


@pytest.mark.parametrize("size", [1, 16_350, 16_384, 65_536, 262_144, 10_000_000])
def test_messages_of_all_sizes(server: SecantusDBServer, files: Files, size: int) -> None:
    client = EncryptedClient(server, files.client_context())
    assert client.run({"insert": "sizes", "documents": [{"_id": size, "b": bytes(size)}], "$db": "tls"})["n"] == 1
    assert client.run({"find": "sizes", "filter": {"_id": size}, "$db": "tls"})["cursor"]["firstBatch"][0]["b"] == bytes(size)
    client.close()


def test_messages_in_pieces_and_together(server: SecantusDBServer, files: Files) -> None:
    client = EncryptedClient(server, files.client_context())
    ping = command({"ping": 1, "$db": "admin"})
    for piece in (ping[:3], ping[3:17], ping[17:] + ping + ping[:20], ping[20:], ping * 1000):
        client.send(piece)
    assert [client.receive()[2]["ok"] for _ in range(1003)] == [1.0] * 1003
    client.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server: SecantusDBServer, files: Files, version: ssl.TLSVersion) -> None:
    client = EncryptedClient(server, files.client_context(maximum_version=version, minimum_version=version))
    assert info_of(server, client).tls_version == client.version
    assert client.version == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    client.close()


def test_the_oldest_version(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with started(files, tls_min_version="1.3") as server:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            EncryptedClient(server, files.client_context(maximum_version=ssl.TLSVersion.TLSv1_2))
        wait_until(lambda: "older than tls_min_version" in caplog.text, "nothing is logged")
        client = EncryptedClient(server, files.client_context())
        assert client.run({"ping": 1, "$db": "admin"})["ok"] == 1
        client.close()


def test_a_plain_client_where_tls_is_required(server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    client = RawClient(server)
    client.send(command({"hello": 1, "$db": "admin"}))
    assert client.is_closed()
    wait_until(lambda: "the server requires TLS; connect with tls=true" in caplog.text, "nothing is logged")
    assert [record.levelname for record in caplog.records if "requires TLS" in record.message] == ["WARNING"]
    client.close()


def test_an_encrypted_client_where_there_is_no_tls(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as plain:
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            EncryptedClient(plain, files.client_context())
        wait_until(lambda: "does not speak TLS; connect without tls=true" in caplog.text, "nothing is logged")


@pytest.mark.parametrize("first", [3, 17, 1000])
def test_a_mode_for_both(mixed: SecantusDBServer, files: Files, first: int) -> None:
    assert "tls" not in mixed.uri
    with MongoClient(mixed.uri) as plain, client_of(mixed, files) as encrypted:
        plain.tls.both.replace_one({"_id": first}, {"_id": first}, upsert=True)
        assert encrypted.tls.both.count_documents({"_id": first}) == 1
    client = RawClient(mixed)
    ping = command({"ping": 1, "$db": "admin"})
    client.send(ping[:first])
    client.send(ping[first:] + ping)
    assert [client.receive()[2]["ok"] for _ in range(1 + 1)] == [1.0, 1.0]
    assert info_of(mixed, client).tls_version is None
    client.close()


def test_the_mode_is_a_parameter(server: SecantusDBServer, mixed: SecantusDBServer, files: Files) -> None:
    for one, mode in ((server, "requireTLS"), (mixed, "preferTLS")):
        with client_of(one, files) as client:
            assert client.admin.command("getParameter", tlsMode=1)["tlsMode"] == mode


def test_a_client_of_another_authority(server: SecantusDBServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        client_of(server, Files(tmp_path), serverSelectionTimeoutMS=300) as client,
        pytest.raises(ServerSelectionTimeoutError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.admin.command("ping")
    wait_until(lambda: "the client does not know the authority" in caplog.text, "nothing is logged")


def test_a_client_must_have_a_certificate(mutual: SecantusDBServer, files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(mutual, files, serverSelectionTimeoutMS=300) as client, pytest.raises(ConnectionFailure):
        client.admin.command("ping")
    wait_until(lambda: "the client sent no certificate, but the server requires one" in caplog.text, "nothing is logged")
    with client_of(mutual, files, tlsCertificateKeyFile=files.issue("client", "client@example.com")) as client:
        assert client.admin.command("ping")["ok"] == 1


def test_a_client_with_a_certificate_of_another_authority(
    mutual: SecantusDBServer, files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Files(tmp_path).issue("client", "client@example.com")
    with (
        client_of(mutual, files, tlsCertificateKeyFile=other, serverSelectionTimeoutMS=300) as client,
        pytest.raises(ConnectionFailure),
    ):
        client.admin.command("ping")
    wait_until(lambda: "the client's certificate is not accepted" in caplog.text, "nothing is logged")


def test_a_certificate_may_be_optional(files: Files) -> None:
    certificate = files.issue("optional", "optional@example.com", common_name="Jo", organization_name="A, B")
    with started(files, tls_ca_file=files.ca) as server:
        without = EncryptedClient(server, files.client_context())
        assert info_of(server, without).tls_subject is None
        having = EncryptedClient(server, files.client_context(certificate))
        subject = info_of(server, having).tls_subject
        assert subject is not None
        assert subject.startswith("CN=Jo,OU=Testing cert")
        assert subject.endswith("O=A\\, B")
        without.close()
        having.close()


@pytest.mark.parametrize("sent", [0, 1, 2, 5, 50])
def test_a_client_that_ends_within_the_handshake(
    server: SecantusDBServer, files: Files, sent: int, caplog: pytest.LogCaptureFixture
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = files.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    client = RawClient(server)
    client.send(outgoing.read()[:sent])
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_closed()
    client.close()
    if sent > 3:
        wait_until(lambda: "the client ended the TLS handshake" in caplog.text, "nothing is logged")


def test_a_client_that_sends_nonsense(server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    client = RawClient(server)
    client.send(b"\x16\x03\x01\x00\x05hello" + bytes(100))
    client.socket.shutdown(socket.SHUT_WR)
    while client.socket.recv(100):
        pass
    wait_until(lambda: "the TLS handshake failed" in caplog.text, "nothing is logged")
    client.close()


class BufferedClient:
    """A client whose TLS works on buffers, so that a test controls when which bytes are sent."""

    def __init__(self, server: SecantusDBServer, files: Files) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = files.client_context().wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self.raw = RawClient(server)

    def shake_hands(self, piece: int = 1 << 16) -> None:
        """Do the handshake, sending pieces of this size."""
        while True:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.flush(piece)
                self._incoming.write(self.raw.socket.recv(1 << 16))

    def flush(self, piece: int = 1 << 16) -> None:
        """Send what OpenSSL has written."""
        while data := self._outgoing.read(piece):
            self.raw.send(data)

    def read_all(self) -> bytes:
        """Return all bytes until the server closes the connection."""
        while data := self.raw.socket.recv(1 << 16):
            self._incoming.write(data)
        received = b""
        with suppress(ssl.SSLWantReadError):
            while data := self.tls.read(1 << 16):
                received += data
        return received


@pytest.mark.parametrize("orderly", [False, True])
def test_a_half_closed_client_gets_its_replies(server: SecantusDBServer, files: Files, orderly: bool) -> None:
    client = BufferedClient(server, files)
    client.shake_hands()
    ping = command({"ping": 1, "$db": "admin"})
    client.tls.write(ping * 3)
    if orderly:
        with suppress(ssl.SSLError):
            client.tls.unwrap()
    client.flush()
    client.raw.socket.shutdown(socket.SHUT_WR)
    if orderly:
        # After its own close notification, OpenSSL does not read any more, so only drain the socket.
        while client.raw.socket.recv(1 << 16):
            pass
    else:
        assert client.read_all().count(b"\x01ok\x00") == 3
    client.raw.close()


def test_a_handshake_byte_by_byte(server: SecantusDBServer, files: Files) -> None:
    client = BufferedClient(server, files)
    client.shake_hands(1)
    client.tls.write(command({"ping": 1, "$db": "admin"}))
    client.flush(1)
    client.raw.socket.shutdown(socket.SHUT_WR)
    assert client.read_all().count(b"\x01ok\x00") == 1
    client.raw.close()


def test_versions_are_counted(files: Files) -> None:
    with started(files) as server:
        client = EncryptedClient(server, files.client_context(maximum_version=ssl.TLSVersion.TLSv1_2))
        other = EncryptedClient(server, files.client_context())
        assert other.run({"ping": 1, "$db": "admin"})["ok"] == 1
        status = client.run({"serverStatus": 1, "$db": "admin"})["transportSecurity"]
        assert status == {"1.0": 0, "1.1": 0, "1.2": 1, "1.3": 1, "unknown": 0}
        client.close()
        other.close()


def test_a_client_cannot_renegotiate(server: SecantusDBServer, files: Files) -> None:
    context = files.client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    assert server._listener is not None
    assert server._listener.certificates is not None
    assert server._listener.certificates.context.options & ssl.OP_NO_RENEGOTIATION
    client = EncryptedClient(server, context)
    assert client.run({"ping": 1, "$db": "admin"})["ok"] == 1
    client.close()


def test_stop_while_a_client_shakes_hands(files: Files) -> None:
    others = threads_of_connections()
    server = started(files, log_level="error").start()
    silent = [RawClient(server) for _ in range(3)]
    silent[1].send(b"\x16")
    silent[2].send(b"\x16\x03\x01\x02\x00\x01")
    wait_until(lambda: len(threads_of_connections(others)) == 3, "not all are connected")
    server.stop()
    assert not threads_of_connections(others)
    for client in silent:
        assert client.is_closed()
        client.close()


def test_a_handshake_does_not_keep_others_waiting(server: SecantusDBServer, files: Files) -> None:
    silent = [RawClient(server) for _ in range(20)]
    with client_of(server, files) as client:
        assert client.admin.command("ping")["ok"] == 1
    for one in silent:
        one.close()


class SteppedClock(Clock):
    """A clock whose monotonic time a test can advance."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
@pytest.mark.parametrize("mode", ["requireTLS", "preferTLS"])
def test_a_handshake_has_a_deadline(files: Files, sent: bytes, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    clock = SteppedClock()
    with started(files, tls_mode=mode, clock=clock) as server:
        known = EncryptedClient(server, files.client_context())
        assert known.run({"ping": 1, "$db": "admin"})["ok"] == 1
        slow = RawClient(server)
        slow.send(sent)
        wait_until(lambda: len(server.services.connections.all()) == 2, "not connected")
        clock.ahead += 31
        assert server._listener is not None
        server._listener.check_clients()
        assert slow.is_closed()
        wait_until(lambda: "no command within handshake_timeout_s = 30" in caplog.text, "nothing is logged")
        assert known.run({"ping": 1, "$db": "admin"})["ok"] == 1
        known.close()
        slow.close()


def test_there_need_not_be_a_deadline(files: Files) -> None:
    clock = SteppedClock()
    with started(files, clock=clock, handshake_timeout_s=0) as server:
        slow = RawClient(server)
        wait_until(lambda: len(server.services.connections.all()) == 1, "not connected")
        clock.ahead += 100_000
        assert server._listener is not None
        server._listener.check_clients()
        slow.socket = files.client_context().wrap_socket(slow.socket, server_hostname="localhost")
        assert slow.run({"ping": 1, "$db": "admin"})["ok"] == 1
        slow.close()


def test_refused_clients_are_told_why_over_tls(files: Files) -> None:
    with started(files, max_connections=1, log_level="error") as server:
        first = EncryptedClient(server, files.client_context())
        assert first.run({"ping": 1, "$db": "admin"})["ok"] == 1
        refused = EncryptedClient(server, files.client_context())
        assert "limit of 1 connections" in refused.run({"hello": 1, "$db": "admin"})["errmsg"]
        first.close()
        refused.close()


def transport_pair(files: Files, mode: str) -> tuple[TlsTransport, socket.socket]:
    """A transport over a socket, and the client's end."""
    near, far = socket.socketpair()
    certificates = Certificates(Settings(tls_cert_file=files.server, tls_mode=mode))
    plain = PlainTransport(Socket(near.family, near.type, near.proto, near.detach()), Turn(0))
    return TlsTransport(plain, certificates, ClientInfo(1, ("client", 1)), lambda _name: None), far


@pytest.mark.parametrize("mode", ["requireTLS", "preferTLS"])
@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
def test_a_timeout_includes_the_handshake(files: Files, mode: str, sent: bytes) -> None:
    transport, client = transport_pair(files, mode)
    client.sendall(sent)
    with pytest.raises(TimeoutError):
        transport.receive_exactly(16, timeout_s=0.01)
    transport.close()
    client.close()


@pytest.mark.parametrize("with_timeout", [None, 20])
def test_a_plain_client_in_pieces(files: Files, with_timeout: float | None) -> None:
    transport, client = transport_pair(files, "preferTLS")
    client.sendall(b"0123456789")
    assert transport.receive_exactly(4, b"ab", with_timeout) == b"ab01"
    assert transport.receive_exactly(3, b"", with_timeout) == b"234"
    assert transport.receive() == b"56789"
    assert not transport.peek_closed()
    client.sendall(b"more")
    assert transport.receive() == b"more"
    client.close()
    with pytest.raises(EOFError):
        transport.receive_exactly(1, b"", with_timeout)
    assert transport.peek_closed()
    transport.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("orderly", [True, False])
def test_a_client_that_closes_during_its_read(files: Files, version: ssl.TLSVersion, orderly: bool) -> None:
    clock = SteppedClock()
    with started(files, clock=clock) as server:
        client = EncryptedClient(server, files.client_context(maximum_version=version))
        info = info_of(server, client)
        client.run({"insert": "slow", "documents": [{"_id": number} for number in range(10)], "$db": "tls"})
        client.run({"configureFailPoint": "waitInFindBeforeMakingBatch", "mode": "alwaysOn", "$db": "admin"})
        client.send(command({"find": "slow", "$db": "tls"}))
        wait_until(lambda: any(one.connection_id == info.connection_id for one in server.services.operations.all()), "does not run")
        if orderly:
            closing = threading.Thread(target=unwrap, args=(client.socket,))
            closing.start()
        else:
            closing = None
            client.socket.shutdown(socket.SHUT_RDWR)
        clock.ahead += 2
        wait_until(lambda: not server.services.operations.all(), "the operation of the client goes on")
        client.close()
        if closing is not None:
            closing.join(20)


def unwrap(sock: Any) -> None:
    """Close a TLS connection with a close notification. Ignore the error that OpenSSL raises if a reply of the server arrives first."""
    with suppress(ssl.SSLError, OSError):
        sock.unwrap()


def test_two_sides_with_the_same_file(files: Files) -> None:
    tls = {"cert_file": files.server, "ca_file": files.ca}
    with (
        SecantusDBServer(port=0, storage_path=":memory:", tls=tls) as server,
        client_of(server, files, tlsCertificateKeyFile=files.server) as client,
    ):
        assert client.admin.command("ping")["ok"] == 1


def test_files_that_cannot_be_used(files: Files, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    other = files.issue("other", "other.example.com")
    encrypted = tmp_path / "encrypted.pem"
    key = serialization.load_pem_private_key(Path(files.server).read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    encrypted.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    for settings, message in (
        ({"tls_cert_file": str(tmp_path / "none.pem")}, r"Cannot read tls_cert_file .*none\.pem: No such file or directory\."),
        ({"tls_key_file": str(tmp_path / "none.pem")}, r"Cannot read tls_key_file .*none\.pem: No such file or directory\."),
        ({"tls_ca_file": str(tmp_path / "none.pem")}, r"Cannot read tls_ca_file .*none\.pem: No such file or directory\."),
        ({"tls_cert_file": str(bad)}, r"Cannot use the certificate .*bad\.pem"),
        ({"tls_ca_file": str(bad)}, r"Cannot use the authorities in .*bad\.pem"),
        ({"tls_key_file": other}, r"with the key in .*other\.pem: they do not belong together\."),
        ({"tls_key_file": str(encrypted)}, r"the key is encrypted; decrypt it with openssl pkey\."),
    ):
        with pytest.raises(CertificateError, match=message) as caught:
            started(files, **settings).start()
        assert (caught.value.code, caught.value.code_name) == (140, "InvalidSSLConfiguration")

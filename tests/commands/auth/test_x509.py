"""MONGODB-X509: the client's certificate names the user."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandListener

from secantus_server.auth.x509 import certified_name
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from tests.failing import failure
from tests.net.tls_files import Files

SUBJECT = "CN=jo,OU=tests,O=Secantus"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("x509"))


@pytest.fixture(scope="module")
def jo(files: Files) -> str:
    return files.issue("jo", common_name="jo", organization_name="Secantus", organization_unit_name="tests")


@pytest.fixture(scope="module", params=[False, True], ids=["open", "auth"])
def server(request: pytest.FixtureRequest, files: Files) -> Iterator[SecantusDBServer]:
    tls = {"cert_file": files.server, "ca_file": files.ca}
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="warning", tls=tls, require_auth=request.param) as running:
        with connected(running, files) as client:
            client.admin.command({"createUser": "admin", "pwd": "p", "roles": ["root"]})
        with connected(running, files, username="admin", password="p") as client:
            roles = [{"role": "readWrite", "db": "app"}]
            client["$external"].command({"createUser": SUBJECT, "roles": roles})
        yield running


def connected(server: SecantusDBServer, files: Files, certificate: str | None = None, **options: Any) -> MongoClient[dict[str, Any]]:
    return MongoClient(server.uri, tlsCAFile=files.ca, tlsCertificateKeyFile=certificate, **options)


def error(db: Database[dict[str, Any]], document: dict[str, Any]) -> tuple[int, str]:
    """Return the code and the message that a command fails with."""
    reply = failure(db, document)
    return reply["code"], reply["errmsg"]


class Names(CommandListener):
    """A listener that records the names of a client's commands. The first hello of a connection is not reported to listeners."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: Any) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@pytest.mark.parametrize("user", [None, SUBJECT])
def test_the_certificate_names_the_user(server: SecantusDBServer, files: Files, jo: str, user: str | None) -> None:
    names = Names()
    with connected(server, files, jo, authMechanism="MONGODB-X509", username=user, event_listeners=[names]) as client:
        client.app.c.insert_one({})
        info = client.admin.command("connectionStatus")["authInfo"]
    assert info["authenticatedUsers"] == [{"user": SUBJECT, "db": "$external"}]
    assert info["authenticatedUserRoles"] == [{"role": "readWrite", "db": "app"}]
    # The hello has logged the client in.
    assert names.names == ["insert", "connectionStatus", "endSessions"][: len(names.names)]


def test_roles_apply(server: SecantusDBServer, files: Files, jo: str) -> None:
    if not server.settings.require_auth:
        pytest.skip("no access control")
    with connected(server, files, jo, authMechanism="MONGODB-X509") as client:
        with pytest.raises(OperationFailure, match="not authorized on other") as caught:
            client.other.c.insert_one({})
        assert caught.value.code == 13
    with connected(server, files, jo) as client, pytest.raises(OperationFailure, match="requires authentication"):
        client.app.c.insert_one({})


def test_the_command(server: SecantusDBServer, files: Files, jo: str) -> None:
    with connected(server, files, jo, maxPoolSize=1) as client:
        external = client["$external"]
        assert external.command({"authenticate": 1, "mechanism": "MONGODB-X509", "user": SUBJECT}) == {
            **external.command({"authenticate": 1, "mechanism": "MONGODB-X509"}),
            "dbname": "$external",
            "user": SUBJECT,
        }
        reply = external.command({"saslStart": 1, "mechanism": "MONGODB-X509", "payload": b""})
        assert (reply["done"], reply["payload"]) == (True, b"")
        assert client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"] == [{"user": SUBJECT, "db": "$external"}]
        client.admin.command("logout")
        assert client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"] in ([], [{"user": SUBJECT, "db": "$external"}])


@pytest.mark.parametrize(
    ("db", "document", "expected"),
    [
        ("$external", {"mechanism": "MONGODB-X509", "user": "CN=other"}, (18, "There is no x.509 client certificate matching the user.")),
        ("admin", {"mechanism": "MONGODB-X509"}, (17, "X.509 authentication must always use the $external database.")),
        (
            "$external",
            {"mechanism": "MONGODB-CR"},
            (334, "Received authentication for mechanism MONGODB-CR which is unknown or not enabled"),
        ),
        ("$external", {}, (40414, "BSON field 'authenticate.mechanism' is missing but a required field")),
    ],
)
def test_failures(server: SecantusDBServer, files: Files, jo: str, db: str, document: dict[str, Any], expected: tuple[int, str]) -> None:
    with connected(server, files, jo) as client:
        assert error(client[db], {"authenticate": 1, **document}) == expected


def test_who_has_no_certificate_is_refused(server: SecantusDBServer, files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), connected(server, files, authMechanism="MONGODB-X509") as client:
        assert error(client.app, {"find": "c"}) == (18, "No verified subject name available from client")
    assert "No verified subject name" in caplog.text


def test_a_certificate_that_names_no_user(server: SecantusDBServer, files: Files, caplog: pytest.LogCaptureFixture) -> None:
    stranger = files.issue("stranger", common_name="stranger")
    with caplog.at_level(logging.WARNING), connected(server, files, stranger, authMechanism="MONGODB-X509") as client:
        assert error(client.app, {"find": "c"}) == (18, "Authentication failed.")
    assert "there is no such user" in caplog.text


def test_a_wrong_name_fails_in_the_handshake_of_a_driver(server: SecantusDBServer, files: Files, jo: str) -> None:
    with connected(server, files, jo, authMechanism="MONGODB-X509", username="CN=other") as client:
        assert error(client.app, {"find": "c"}) == (18, "There is no x.509 client certificate matching the user.")


def test_a_plain_connection_has_no_certificate() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        document = {"authenticate": 1, "mechanism": "MONGODB-X509"}
        assert error(client["$external"], document) == (18, "No verified subject name available from client")


@pytest.mark.parametrize(("user", "expected"), [(None, "CN=a"), ("", "CN=a"), ("CN=a", "CN=a")])
def test_names(user: str | None, expected: str) -> None:
    assert certified_name("CN=a", user, "$external") == expected


@pytest.mark.parametrize(
    ("subject", "user", "db", "code"), [("CN=a", "CN=A", "$external", 18), (None, "CN=a", "$external", 18), ("CN=a", None, "a", 17)]
)
def test_names_that_are_refused(subject: str | None, user: str | None, db: str, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        certified_name(subject, user, db)
    assert caught.value.code == code

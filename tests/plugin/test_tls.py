"""`secantus_tls`: a server with TLS, with clients, environment variables and redirects that use TLS."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from pymongo import MongoClient

from pytest_secantus.certificates import Certificates
from pytest_secantus.xdist import default_base
from secantus_server.server import SecantusDBServer
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

TESTS = """
import os
import pytest
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

def test_clients(secantus_db, secantus_uri, secantus_tls):
    secantus_db.c.insert_one({"_id": 1})
    assert "tls=true" in secantus_uri
    with MongoClient(secantus_uri) as client:
        assert client[secantus_db.name].c.count_documents({}) == 1

def test_isolation(secantus_db):
    assert secantus_db.list_collection_names() == []

def test_plain_clients_are_refused(secantus_server):
    with MongoClient("127.0.0.1", secantus_server.port, serverSelectionTimeoutMS=200) as client:
        with pytest.raises(ServerSelectionTimeoutError):
            client.admin.command("ping")

def test_unknown_authority(secantus_server):
    with MongoClient("127.0.0.1", secantus_server.port, tls=True, serverSelectionTimeoutMS=200) as client:
        with pytest.raises(ServerSelectionTimeoutError, match="CERTIFICATE_VERIFY_FAILED"):
            client.admin.command("ping")
"""

MUTUAL = """
def test_a_client_without_a_certificate(secantus_server, secantus_tls):
    options = {"tls": True, "tlsCAFile": secantus_tls.ca_file, "serverSelectionTimeoutMS": 200}
    with MongoClient("127.0.0.1", secantus_server.port, **options) as client:
        with pytest.raises(ServerSelectionTimeoutError):
            client.admin.command("ping")

def test_another_certificate(secantus_server, secantus_tls):
    jo = secantus_tls.client("Jo, the first")
    assert jo.subject == "CN=Jo\\\\, the first,OU=tests,O=Secantus"
    options = {"tls": True, "tlsCAFile": secantus_tls.ca_file, "tlsCertificateKeyFile": jo.file}
    with MongoClient("127.0.0.1", secantus_server.port, **options) as client:
        assert client.admin.command("ping")["ok"] == 1
"""


@pytest.mark.parametrize("process", ["no", "yes"])
def test_a_run_with_tls(project: Project, process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A separate directory, because other tests also run with TLS at the same time.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    project.ini("secantus_tls = yes")
    project.write(test_it=TESTS)
    project.passes(f"--secantus-process={process}", passed=4)
    assert default_base().parent == tmp_path
    assert not list(default_base().glob("run-*/*-tls/*")), "the keys are left behind"


@pytest.mark.parametrize("option", [["--secantus-tls=mutual"], ["--secantus-tls=mutual", "--secantus"]])
def test_clients_with_certificates(project: Project, option: list[str]) -> None:
    project.write(test_it=TESTS + MUTUAL)
    project.passes(*option, passed=6)


def test_a_suite_gets_the_whole_uri(project: Project) -> None:
    project.ini("secantus_tls = mutual", "secantus_seed = seeds")
    (project.pytester.path / "seeds").mkdir()
    (project.pytester.path / "seeds" / "users.json").write_text('[{"_id": 1}]')
    project.write(
        test_it="""
        import os
        from pymongo import MongoClient

        def test_it(secantus_uri):
            assert os.environ["MONGODB_URI"] == secantus_uri
            with MongoClient(os.environ["MONGODB_URI"]) as client:
                assert client.secantus_test.users.count_documents({}) == 1
        """
    )
    project.passes("--secantus", passed=1)


def test_redirected_clients_use_tls_too(project: Project) -> None:
    project.ini("secantus_tls = mutual", "secantus_redirect = mongo.example.org:27017")
    project.write(
        test_it="""
        from pymongo import MongoClient

        def test_a_plain_client(secantus_client):
            with MongoClient("mongo.example.org") as client:
                client.test.c.insert_one({"_id": 1})
            assert secantus_client.test.c.find_one() == {"_id": 1}

        def test_a_client_with_other_options(tmp_path):
            uri = "mongodb://mongo.example.org/?tls=true&tlsCAFile=/nowhere/ca.pem"
            with MongoClient(uri, tlsCertificateKeyFile="/nowhere/client.pem") as client:
                assert client.admin.command("ping")["ok"] == 1
        """
    )
    project.passes("--secantus", passed=2)


def test_a_certificate_of_the_suite(project: Project) -> None:
    certificates = Certificates(project.pytester.path / "own", mutual=False)
    file = certificates.settings()["tls_cert_file"]
    project.ini("secantus_settings =", "    tls_mode = preferTLS", f"    tls_cert_file = {file}")
    project.write(
        test_it=f"""
        from pymongo import MongoClient

        def test_it(secantus_client, secantus_server):
            secantus_client.test.c.insert_one({{"_id": 1}})
            with MongoClient("localhost", secantus_server.port, tls=True, tlsCAFile={certificates.ca_file!r}) as client:
                assert client.test.c.find_one() == {{"_id": 1}}
        """
    )
    project.passes(passed=1)


def test_workers_have_certificates_of_their_own(project: Project) -> None:
    project.ini("secantus_tls = yes")
    project.write(test_it=TESTS, test_other=TESTS)
    project.run_apart("-n", "2").assert_outcomes(passed=8)


def test_asynchronous_clients(project: Project) -> None:
    project.ini("secantus_tls = mutual")
    project.write(
        test_it="""
        import asyncio

        def test_it(secantus_async_db):
            async def run():
                await secantus_async_db.c.insert_one({"_id": 1})
                return await secantus_async_db.c.find_one()
            assert asyncio.run(run()) == {"_id": 1}
        """
    )
    project.passes(passed=1)


def test_the_fixture_without_tls(project: Project) -> None:
    project.write(test_it="def test_it(secantus_tls): pass")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*secantus_tls: there are no certificates; set secantus_tls = yes*"])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["secantus_tls = on"], "secantus_tls is 'on'; it must be one of no, yes, mutual"),
        (["secantus_tls = yes", "secantus_uri = mongodb://h"], "secantus_tls cannot be combined with secantus_uri*"),
        (
            ["secantus_tls = yes", "secantus_settings = tls_cert_file = x"],
            "secantus_tls cannot be combined with tls_\\* in secantus_settings*",
        ),
    ],
)
def test_what_cannot_be(project: Project, lines: list[str], message: str) -> None:
    project.ini(*lines)
    project.write(test_it="def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message.replace(chr(92) + '*', '[*]')}"])


def test_without_trustme(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_secantus.certificates.is_available", lambda: False)
    project.ini("secantus_tls = yes")
    project.write(test_it="def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: secantus_tls needs trustme, which makes the certificates: pip install 'pytest-secantus[[]tls]'"])


def test_a_run_without_tls_does_not_import_it(project: Project) -> None:
    project.write(
        test_it="""
        import sys

        def test_it(secantus_db):
            assert "trustme" not in sys.modules
            assert "pytest_secantus.certificates" not in sys.modules
            assert "secantus_server.net.tls" not in sys.modules
        """
    )
    project.run_apart().assert_outcomes(passed=1)


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"secantus_tls.client\(5\): pass the client's name as a string"):
        Certificates(tmp_path / "tls", mutual=False).client(5)  # type: ignore[arg-type]


def test_subjects_are_those_that_the_server_sees(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls", mutual=True)
    for name in ("client", 'a, "b" + c', "Zoë"):
        jo = certificates.client(name)
        assert certificates.client(name) is jo
        options = {**certificates.options(), "tlsCertificateKeyFile": jo.file}
        with (
            SecantusDBServer(port=0, storage_path=":memory:", **certificates.settings()) as server,
            MongoClient(server.uri, **options) as client,
        ):
            client.admin.command("ping")
            # A connection whose TLS handshake is in progress has no subject yet.
            assert {one.tls_subject for one in server.services.connections.all()} - {None} == {jo.subject}

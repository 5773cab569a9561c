"""Logins of other drivers, of mongosh and of mongodump: by both mechanisms and by certificate, with and without TLS, valid and refused.

    SECANTUS_LOGIN_DRIVERS=node,mongosh,go,java,mongodump pytest tests/drivers/test_logins.py

Each program needs its toolchain, and packages that its package manager downloads, so only the programs in the variable are run. mongodump
must be on PATH or in a directory of SECANTUS_TOOLS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificates

from tests.integration.daemon import Daemon, running
from tests.net.tls_files import Files
from tests.tools.programs import Unavailable, find

HERE = Path(__file__).parent
WANTED = [name for name in os.environ.get("SECANTUS_LOGIN_DRIVERS", "").split(",") if name]
PROGRAMS = {"node": ("node", "npm"), "mongosh": ("node", "npm"), "go": ("go",), "java": ("java", "mvn"), "mongodump": ()}
PASSWORD = "pass word: é"
SUBJECT = "CN=jo,OU=tests,O=Secantus"
escaped = partial(quote, safe="")
SHELL = """
try {
    const found = connect(process.env.LOGIN_URI);
    const status = found.getSiblingDB('admin').runCommand({connectionStatus: 1});
    found.getSiblingDB('shop').orders.findOne();
    print('user ' + status.authInfo.authenticatedUsers.map((one) => one.user).join());
} catch (error) {
    print(typeof error.code === 'number' ? 'code ' + error.code : 'failed ' + error);
}
"""

# Logs in with a URI, the file of the trusted authority or None, and the file of the client's certificate or None. Returns the driver's
# output.
LogIn = Callable[[str, "str | None", "str | None"], str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Certificates of an authority that the server does not trust."""
    return Files(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="module")
def daemon(files: Files) -> Iterator[Daemon]:
    arguments = ("--tls-cert-file", files.server, "--tls-ca-file", files.ca, "--tls-mode", "preferTLS", "--auth", "--login-delay-ms", "0")
    with running(":memory:", *arguments) as daemon:
        roles = [{"role": "readWrite", "db": "shop"}]
        with daemon.client() as client:
            client.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        with daemon.client(username="root", password=PASSWORD) as client:
            client.admin.command("createUser", "zoë", pwd=PASSWORD, roles=roles)
            client["$external"].command("createUser", SUBJECT, roles=roles)
        yield daemon


@pytest.fixture(scope="module", params=list(PROGRAMS))
def log_in(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LogIn:
    """A function that logs in with one of the programs."""
    name: str = request.param
    if name not in WANTED:
        pytest.skip(f"SECANTUS_LOGIN_DRIVERS does not name {name}")
    for program in PROGRAMS[name]:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if name == "mongodump":
        return mongodump()
    if name in ("node", "mongosh"):
        return node_driver(request.getfixturevalue("node_packages"), name)
    directory = tmp_path_factory.mktemp(name)
    return go_driver(directory) if name == "go" else java_driver(directory)


@pytest.fixture(scope="module")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which npm has installed the driver and mongosh."""
    directory = tmp_path_factory.mktemp("node")
    for file in ("package.json", "login.mjs"):
        shutil.copy(HERE / "node" / file, directory)
    # Optional dependencies would have to be compiled; none of them is needed.
    line = ["npm", "install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", "--prefix", str(directory)]
    subprocess.run(line, check=True, capture_output=True, timeout=600)
    return directory


def output(line: list[str], **environment: str) -> str:
    done = subprocess.run(line, check=True, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    print(done.stdout, done.stderr)
    return done.stdout.strip()


def with_files(uri: str, authority: str | None, certificate: str | None) -> str:
    """Return the URI with options for the files, for drivers that take them from the URI."""
    given = {"tlsCAFile": authority, "tlsCertificateKeyFile": certificate}
    return "&".join([uri, *(f"{option}={escaped(path)}" for option, path in given.items() if path is not None)])


def node_driver(directory: Path, name: str) -> LogIn:
    shell = directory / "node_modules" / "mongosh" / "bin" / "mongosh.js"
    home = {"HOME": str(directory), "NODE_NO_WARNINGS": "1"}

    def log_in(uri: str, authority: str | None, certificate: str | None) -> str:
        uri = with_files(uri, authority, certificate)
        if name == "node":
            return output(["node", str(directory / "login.mjs"), uri])
        return output(["node", str(shell), "--nodb", "--quiet", "--norc", "--eval", SHELL], LOGIN_URI=uri, **home)

    return log_in


def go_driver(directory: Path) -> LogIn:
    program = str(directory / "login")
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "go", check=True, timeout=600)
    return lambda uri, authority, certificate: output([program, with_files(uri, authority, certificate)])


def java_driver(directory: Path) -> LogIn:
    classpath = directory / "classpath"
    line = ["mvn", "-q", "-B", "-f", str(HERE / "java" / "pom.xml"), "dependency:build-classpath", f"-Dmdep.outputFile={classpath}"]
    subprocess.run(line, check=True, timeout=600)

    def log_in(uri: str, authority: str | None, certificate: str | None) -> str:
        words = [] if authority is None else [authority]
        words += [] if certificate is None else [in_pkcs12(certificate)]
        line = ["java", "-cp", classpath.read_text(encoding="utf-8"), str(HERE / "java" / "Login.java"), uri, *words]
        return output(line).splitlines()[-1]

    return log_in


def mongodump() -> LogIn:
    try:
        program = find("mongodump")
    except Unavailable as error:
        pytest.skip(str(error))

    def log_in(uri: str, authority: str | None, certificate: str | None) -> str:
        # Without authSource, mongodump authenticates against the database that it dumps.
        source = "" if "authSource" in uri else "&authSource=admin"
        line = [program, "--uri", with_files(uri + source, authority, certificate), "--db", "shop", "--archive=/dev/null"]
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=120)
        print(done.stderr)
        if done.returncode == 0:
            # The database cannot be dumped without a login, so the login of the URI has succeeded.
            return f"user {SUBJECT if 'MONGODB-X509' in uri else 'zoë'}"
        return "code 18" if "(AuthenticationFailed)" in done.stderr else f"failed {done.stderr}"

    return log_in


def in_pkcs12(certificate: str) -> str:
    """Write a certificate and its key in PKCS #12 format, which Java reads; return the path."""
    data = Path(certificate).read_bytes()
    first, *rest = load_pem_x509_certificates(data)
    key = load_pem_private_key(data, None)
    path = Path(certificate).with_suffix(".p12")
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"own", key, first, rest, BestAvailableEncryption(b"secret")))  # type: ignore[arg-type]
    return str(path)


def uri_of(daemon: Daemon, options: str, user: str = "zoë", password: str = PASSWORD) -> str:
    """Return a URI with a user and the replica set's name, so that a driver logs in and discovers the members."""
    return f"mongodb://{escaped(user)}:{escaped(password)}@127.0.0.1:{daemon.port}/?replicaSet=secantus&{options}"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", ""])
def test_a_password(daemon: Daemon, files: Files, log_in: LogIn, mechanism: str, tls: bool) -> None:
    options = "&".join(["tls=true" if tls else "tls=false", *([f"authMechanism={mechanism}"] if mechanism else [])])
    authority = files.ca if tls else None
    assert log_in(uri_of(daemon, options), authority, None) == "user zoë"
    assert log_in(uri_of(daemon, options, password="wrong"), authority, None) == "code 18"
    assert log_in(uri_of(daemon, options, user="nobody"), authority, None) == "code 18"


def test_a_certificate(daemon: Daemon, files: Files, others: Files, log_in: LogIn) -> None:
    uri = f"mongodb://127.0.0.1:{daemon.port}/?replicaSet=secantus&tls=true&authMechanism=MONGODB-X509&authSource=%24external"
    names = {"common_name": "jo", "organization_name": "Secantus", "organization_unit_name": "tests"}
    assert log_in(uri, files.ca, files.issue("jo", "jo.example", **names)) == f"user {SUBJECT}"
    # Java rejects a certificate whose list of names is empty, so each certificate has a name. The refused logins: a certificate that
    # names no user; one that another authority has signed; and a client that does not trust the server's authority.
    assert log_in(uri, files.ca, files.issue("ji", "ji.example", common_name="ji")) == "code 18"
    assert log_in(uri, files.ca, others.issue("jo", "jo.example", **names)).startswith("failed")
    assert log_in(uri, others.ca, files.issue("jo", "jo.example", **names)).startswith("failed")

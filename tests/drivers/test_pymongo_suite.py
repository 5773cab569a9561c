"""pymongo's own tests of authentication and TLS, unmodified, against a daemon with the certificates that they expect.

    SECANTUS_PYMONGO_SOURCE=pymongo-4.20.1 pytest tests/drivers/test_pymongo_suite.py

The variable names the unpacked source distribution, which `secantus-conformance fetch` downloads. Tests that connect to a host named
`server` are skipped if that name cannot be resolved.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon import running

SOURCE = os.environ.get("SECANTUS_PYMONGO_SOURCE", "")
TLS = ("test/test_ssl.py", "test/asynchronous/test_ssl.py")
# This test always connects to port 27017.
FIXED_PORT = "not test_pyopenssl_ignored_in_async"

pytestmark = pytest.mark.skipif(not SOURCE, reason="SECANTUS_PYMONGO_SOURCE names no source distribution of pymongo")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A directory with the tests but without the driver's sources, so that the installed driver is tested."""
    for name in ("test", "tools", "fuzz"):
        shutil.copytree(Path(SOURCE, name), tmp_path / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(Path(SOURCE, name), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("auth", "tls", "selected"),
    [
        (True, False, ("-m", "auth", "test")),
        (True, True, ("-m", "auth", "test")),
        (True, True, ("-k", FIXED_PORT, *TLS)),
        (False, True, ("-k", FIXED_PORT, *TLS)),
    ],
    ids=["auth", "auth over TLS", "TLS with auth", "TLS without auth"],
)
def test_suite(suite: Path, auth: bool, tls: bool, selected: tuple[str, ...]) -> None:
    certificates = suite / "test" / "certificates"
    server, ca, own = (str(certificates / f"{name}.pem") for name in ("server", "ca", "client"))
    arguments = [*(("--auth",) if auth else ()), *(("--tls-cert-file", server, "--tls-ca-file", ca) if tls else ())]
    options: dict[str, Any] = {"tls": True, "tlsCAFile": ca, "tlsCertificateKeyFile": own} if tls else {}
    with running(":memory:", "--advertised-host", "localhost", "--enable-test-commands", *arguments) as daemon:
        if auth:
            with daemon.client(directConnection=True, **options) as client:
                client.admin.command("createUser", "user", pwd="password", roles=["root"])
        line = [sys.executable, "-m", "pytest", "-q", "-rfE", "--override-ini=addopts=", "-p", "no:cacheprovider", *selected]
        environment = {**os.environ, "DB_PORT": str(daemon.port), "PYTHONPATH": str(suite)}
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=500, cwd=suite, env=environment)
    print(done.stdout[-4000:])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= (100 if "-m" in selected else 20)

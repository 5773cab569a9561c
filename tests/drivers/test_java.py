"""The Java driver, whose streaming monitor checks every reply of an exhaust hello.

    SECANTUS_JAVA_SECONDS=600 pytest -s tests/drivers/test_java.py

It needs a JDK, Maven and a Maven repository, so it runs only if the variable sets its duration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.daemon import running

SECONDS = os.environ.get("SECANTUS_JAVA_SECONDS")
PROJECT = Path(__file__).parent / "java"

pytestmark = [
    pytest.mark.skipif(SECONDS is None, reason="SECANTUS_JAVA_SECONDS does not say for how long"),
    pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="needs a JDK and Maven"),
]


@pytest.mark.parametrize("arguments", [[], ["--standalone"]], ids=["replica set", "standalone"])
def test_no_heartbeat_fails(tmp_path: Path, arguments: list[str]) -> None:
    assert SECONDS is not None
    classpath = tmp_path / "classpath"
    subprocess.run(
        ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "dependency:build-classpath", f"-Dmdep.outputFile={classpath}"], check=True
    )
    with running(":memory:", *arguments) as daemon:
        command = ["java", "-cp", classpath.read_text(encoding="utf-8"), str(PROJECT / "Soak.java"), daemon.uri, SECONDS]
        done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "MongoInternalException" not in done.stderr

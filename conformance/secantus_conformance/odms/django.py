"""The tests of Django's MongoDB backend, from its source distribution. The test runner of Django's own tests runs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import write_junit_of_record
from secantus_conformance.failures import UsageError
from secantus_conformance.odms.python_suite import install, python_of, unpack_sdist

_DJANGO = "5.2.19"
_PACKAGE = "django-mongodb-backend"
# The settings of the backend's own CI workflow, with a runner that records the outcomes. The workflow uses a fork of Django whose
# applications have ObjectId keys by default; here the settings configure them, as in any project.
_SETTINGS = """import __main__
from mongodb_settings import *

_APPS = {"admin.apps.SimpleAdminConfig": "Admin", "auth": "Auth", "contenttypes": "ContentTypes", "sites": "Sites"}
_APPS = {f"django.contrib.{name}": f"django_apps.{config}" for name, config in _APPS.items()}
if hasattr(__main__, "ALWAYS_INSTALLED_APPS"):
    __main__.ALWAYS_INSTALLED_APPS[:] = [_APPS.get(name, name) for name in __main__.ALWAYS_INSTALLED_APPS]
TEST_RUNNER = "django_record.Runner"
"""
_RECORDER = Path(__file__).parent / "recorder"


@dataclass
class DjangoSuite:
    """The tests of the backend. Tests of geographic fields are excluded, as in the backend's own runner, because they need GDAL."""

    name: str = _PACKAGE
    version: str = "5.2.4"
    port: int = 0
    auth: bool = False
    repository: str = ""
    environmental: Sequence[Environmental] = ()

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Unpack the backend's tests into Django's tests, and create the environment. Raise UsageError on failure."""
        folder = cache / f"{self.name}-{self.version}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "django").is_dir():
            unpack_sdist("Django", _DJANGO, folder, folder / "django")
        if not (folder / "source").is_dir():
            unpack_sdist(_PACKAGE, self.version, folder, folder / "source")
            shutil.copytree(folder / "source/tests", folder / "django/tests", dirs_exist_ok=True)
            for path in (folder / "source/.github/workflows").glob("*_settings.py"):
                shutil.copy(path, folder / "django/tests")
        requirements = ["jinja2", "pillow", "tblib", "PyYAML", "asgiref", "sqlparse"]
        install(folder, [f"{_PACKAGE}=={self.version}", f"Django=={_DJANGO}", *requirements])
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the tests. Raise UsageError if they cannot be completed."""
        (folder / "django/tests/record_settings.py").write_text(_SETTINGS, encoding="utf-8")
        suites = sorted(path.name for path in (folder / "source/tests").iterdir() if path.is_dir() and path.name != "gis_tests_")
        command = [str(python_of(folder)), "runtests.py", *suites, "--settings", "record_settings", "--parallel", "1", "--noinput"]
        record = junit.with_suffix(".jsonl")
        record.write_text("", encoding="utf-8")
        environment = {**os.environ, "MONGODB_URI": uri, "PYTHONPATH": str(_RECORDER), "RECORD": str(record)}
        call(command, folder / "django/tests", timeout, None, environment, junit.with_suffix(".txt"))
        if '["finished"' not in record.read_text(encoding="utf-8"):
            said = junit.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise UsageError(f"Django's runner ended before all tests had run: {said[-1][:300] if said else 'no output'}")
        write_junit_of_record(record, junit)

    def needs_server(self, _test: str) -> bool:
        """Return True for every test, because tests that need no server are not identified."""
        return True

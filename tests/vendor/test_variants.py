"""Each variant of the compiled modules detects its kind of mistake: each mistake is planted in a small module built with the variant's
options.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "vendor"))
from variants import PRODUCT, VARIANTS, UnknownVariant, variant_of

CHECKED, SANITIZED = VARIANTS["checked"], VARIANTS["sanitized"]
COMPILER = os.environ.get("CC") or "cc"

PLANTED = '''\
# cython: language_level=3, boundscheck=False, wraparound=False
"""Mistakes that the product's build does not notice."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE


cdef class Box:
    cdef char[4] digits
    cdef readonly int content

    def digit(self, int place):
        return self.digits[place]


def item(list items not None, Py_ssize_t place):
    return items[place]


def tuple_item(tuple items not None, Py_ssize_t place):
    return items[place]


def byte(const unsigned char[::1] data not None, Py_ssize_t place):
    return data[place]


def byte_behind(bytes data not None, Py_ssize_t place):
    return (<const unsigned char*>PyBytes_AS_STRING(data))[place]


def content(Box box):
    return box.content


def size(object data):
    return PyBytes_GET_SIZE(data)


def total(int a, int b):
    return a + b


def whole(double number):
    return <int>number
'''


def build(directory: Path, variant: str) -> Path:
    """Build the planted module as setup.py builds a module of this variant; return its directory."""
    pytest.importorskip("Cython", reason="the test extra brings Cython, which compiles the planted module")
    options = VARIANTS[variant]
    pyx = directory / "planted.pyx"
    pyx.write_text(options.source(PLANTED), encoding="utf-8")
    run_tool([sys.executable, "-m", "cython", "-3", str(pyx)])
    c = directory / "planted.c"
    c.write_text(options.translated(c.read_text(encoding="utf-8")), encoding="utf-8")
    target = directory / f"planted{sysconfig.get_config_var('EXT_SUFFIX')}"
    # The options of Python's own build: without assertions, and with signed overflow that wraps.
    before = ["-DNDEBUG", "-fwrapv", "-fPIC", "-shared", "-I", sysconfig.get_path("include")]
    run_tool([COMPILER, *before, str(c), "-o", str(target), *options.compile_args, *options.link_args])
    return directory


def run_tool(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def call(directory: Path, expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Evaluate an expression with the planted module's names in a separate process, which prints the value."""
    line = [sys.executable, "-c", f"from planted import *; print({expression})"]
    variables = {**os.environ, "PYTHONPATH": str(directory), **environment}
    return subprocess.run(line, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("checked"), "checked")


@pytest.fixture(scope="module")
def sanitizer() -> dict[str, str]:
    """The environment variables of a process with the sanitizers."""
    found = subprocess.run([COMPILER, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip(f"{COMPILER} has no AddressSanitizer here")
    options = "detect_leaks=0:abort_on_error=1"
    return {
        "LD_PRELOAD": str(Path(found).resolve()),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": options,
        "UBSAN_OPTIONS": options,
    }


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory, sanitizer: dict[str, str]) -> Path:
    return build(tmp_path_factory.mktemp("sanitized"), "sanitized")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, sanitizer: dict[str, str]) -> Path:
    return build(tmp_path_factory.mktemp("both"), "both")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("item([1, 2], 2)", "IndexError"),
        ("item([1, 2], -1)", "IndexError: negative index"),
        ("tuple_item((1, 2), 2)", "IndexError"),
        ("tuple_item((1, 2), -1)", "IndexError: negative index"),
        ("byte(b'ab', 2)", "IndexError"),
        ("byte(b'ab', -1)", "IndexError"),
        ("content(None)", "AttributeError"),
        ("size('text')", "Assertion"),
    ],
)
def test_the_checked_build_notices(checked: Path, expression: str, message: str) -> None:
    done = call(checked, expression)
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("byte_behind(b'a' * 40, 60)", "AddressSanitizer: heap-buffer-overflow"),
        ("item([1, 2], 2)", "AddressSanitizer: heap-buffer-overflow"),
        ("item([1, 2], -1)", "AddressSanitizer: heap-buffer-overflow"),
        ("byte(bytearray(b'ab'), 40)", "AddressSanitizer"),
        ("total(2147483647, 1)", "runtime error: signed integer overflow"),
        ("Box().digit(4)", "runtime error: index 4 out of bounds"),
        ("whole(1e300)", "runtime error: 1e+300 is outside the range"),
        ("size('text')", "Assertion"),
    ],
)
def test_the_sanitized_build_notices(sanitized: Path, sanitizer: dict[str, str], expression: str, message: str) -> None:
    done = call(sanitized, expression, **sanitizer)
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("item([1, 2], -1)", "IndexError: negative index"),
        ("content(None)", "AttributeError"),
        ("byte_behind(b'a' * 40, 60)", "AddressSanitizer: heap-buffer-overflow"),
        ("total(2147483647, 1)", "runtime error: signed integer overflow"),
    ],
)
def test_a_build_with_both_notices(both: Path, sanitizer: dict[str, str], expression: str, message: str) -> None:
    done = call(both, expression, **sanitizer)
    assert done.returncode != 0
    assert message in done.stderr


GOOD = "item([1, 2], 1), tuple_item((1, 2), 1), byte(b'ab', 1), byte_behind(b'ab', 1), content(Box()), size(b'ab'), total(1, 2), whole(1.5)"


def test_what_is_right_passes(checked: Path, sanitized: Path, both: Path, sanitizer: dict[str, str]) -> None:
    for done in (call(checked, GOOD), call(sanitized, GOOD, **sanitizer), call(both, GOOD, **sanitizer)):
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "2 2 98 98 0 2 3 1", "")


def test_directives_of_the_first_line_are_replaced() -> None:
    source = "# cython: language_level=3, boundscheck=False, cdivision=True\nx = 1\n"
    first, rest = CHECKED.source(source).split("\n", 1)
    assert first == "# cython: language_level=3, cdivision=True, boundscheck=True, nonecheck=True, initializedcheck=True"
    assert rest == "x = 1\n"
    assert SANITIZED.source(source).split("\n")[0] == source.split("\n")[0]


@pytest.mark.parametrize("path", sorted((ROOT / "secantus_server").rglob("*.pyx")), ids=lambda path: path.name)
def test_no_directive_escapes_the_checked_build(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert CHECKED.source(source).count("boundscheck") == 1, "Set boundscheck in the first line alone, where a variant replaces it."


def test_which_modules_are_of_the_variant() -> None:
    asked = {"SECANTUS_BUILD": "checked", "SECANTUS_BUILD_ONLY": "secantus_server.bson.* *._fields"}
    assert variant_of("secantus_server.bson._codec", {}) is PRODUCT
    assert variant_of("secantus_server.bson._codec", {"SECANTUS_BUILD": "sanitized"}) is SANITIZED
    assert variant_of("secantus_server.bson._codec", asked) is CHECKED
    assert variant_of("secantus_server.pipeline._fields", asked) is CHECKED
    assert variant_of("secantus_server.exec._scan", asked) is PRODUCT
    with pytest.raises(UnknownVariant, match="SECANTUS_BUILD=chekced is unknown"):
        variant_of("secantus_server.exec._scan", {"SECANTUS_BUILD": "chekced"})

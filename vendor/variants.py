"""The variants of the compiled modules: the product, and three that look for mistakes in it.

`SECANTUS_BUILD` names the variant. `SECANTUS_BUILD_ONLY` holds patterns of module names, separated by blanks; modules that match none
of them are built as the product. docs/instrumented.md says how to run the tests over a variant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

_COMMENT = re.compile(r"\A# cython:(?P<directives>[^\n]*)\n")
# What Cython does with an index into a list or tuple that is out of range: it takes -1 for the last item, with or without `wraparound`.
# The helper has one of two names, by Cython's version.
_OUT_OF_RANGE = (
    re.compile(r"return (__Pyx_GetItemInt_Generic_size\(o, i\);)"),
    re.compile(r"return (__Pyx_GetItemInt_Generic\(o, Py\w+_FromSsize_t\(i\)\);)"),
)
_REFUSE_NEGATIVE = (
    r'if (!wraparound && i < 0) { PyErr_SetString(PyExc_IndexError, "negative index with wraparound=False"); return NULL; } return \1'
)


class Variant(NamedTuple):
    """How the compiled modules are built.

    Arguments:
        name: what `SECANTUS_BUILD` calls it.
        directives: Cython directives that replace those of a module's first line.
        compile_args: options of the C compiler.
        link_args: options of the linker.
    """

    name: str
    directives: tuple[tuple[str, bool], ...]
    compile_args: tuple[str, ...]
    link_args: tuple[str, ...] = ()

    def source(self, pyx: str) -> str:
        """Return a module's Cython source with the directives of the variant.

        Directives of the first line override those of the command line, so the line itself is rewritten.
        """
        found = _COMMENT.match(pyx)
        assert found is not None, "a compiled module begins with '# cython: language_level=3'"
        changed = {name for name, _ in self.directives}
        kept = [one.strip() for one in found["directives"].split(",") if one.partition("=")[0].strip() not in changed]
        line = ", ".join([*kept, *(f"{name}={value}" for name, value in self.directives)])
        return f"# cython: {line}\n{pyx[found.end() :]}"

    def translated(self, c: str) -> str:
        """Return a module's C source with the checks that no directive switches on."""
        if ("boundscheck", True) not in self.directives:
            return c
        pattern = next((one for one in _OUT_OF_RANGE if one.search(c)), None)
        return pattern.sub(_REFUSE_NEGATIVE, c) if pattern else c


_WARNINGS = ("-Wno-sign-compare", "-Wno-unused-function")
PRODUCT = Variant("", (), ("-O2", "-g0", *_WARNINGS))
# Not optimized, which halves the time of compiling.
VARIANTS = {
    # Mistakes become exceptions, or a failed assertion of Python's headers. No `overflowcheck`: hashes and checksums wrap on purpose, and
    # UBSan finds signed overflow.
    "checked": Variant(
        "checked", (("boundscheck", True), ("nonecheck", True), ("initializedcheck", True)), ("-O0", "-g1", "-UNDEBUG", *_WARNINGS)
    ),
    # The product's own code, with AddressSanitizer and UndefinedBehaviorSanitizer; the first finding ends the process.
    "sanitized": Variant(
        "sanitized",
        (),
        (
            "-O0",
            "-g1",
            "-UNDEBUG",
            "-fsanitize=address,undefined,float-cast-overflow",
            # A null pointer ends the process anyway, and unaligned reads go through memcpy: their checks double the code.
            "-fno-sanitize=null,alignment",
            "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer",
            # Python's own options have -fwrapv, which would take the check of signed overflow away.
            "-fno-wrapv",
            *_WARNINGS,
        ),
        ("-fsanitize=address,undefined",),
    ),
}
# The checks of both in one build, which takes less time than two.
VARIANTS["both"] = VARIANTS["sanitized"]._replace(name="both", directives=VARIANTS["checked"].directives)


class UnknownVariant(Exception):
    """`SECANTUS_BUILD` names no variant; the message is one sentence for the user."""


def variant_of(module: str, environment: Mapping[str, str]) -> Variant:
    """Return the variant that the environment asks of a module.

    Raises:
        UnknownVariant: there is none of this name.
    """
    name = environment.get("SECANTUS_BUILD", "")
    if name and name not in VARIANTS:
        raise UnknownVariant(f"SECANTUS_BUILD={name} is unknown: choose one of {', '.join(VARIANTS)}, or leave it unset for the product.")
    patterns = environment.get("SECANTUS_BUILD_ONLY", "*").split()
    return VARIANTS[name] if name and any(fnmatchcase(module, pattern) for pattern in patterns) else PRODUCT

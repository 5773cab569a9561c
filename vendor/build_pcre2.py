"""Builds the static PCRE2 library that the regular expressions are linked with.

The source archive of the Python package `pcre2` carries PCRE2's own sources; nothing else of the package is used.
Run it by hand with `python vendor/build_pcre2.py`; it prints the directory of the result.
"""

from __future__ import annotations

import sys
from pathlib import Path

VENDOR = Path(__file__).resolve().parent
sys.path.insert(0, str(VENDOR))
from source_build import Recipe, main  # noqa: E402 - beside this file, which runs before anything is installed

PCRE2 = Recipe(
    title="PCRE2",
    name="pcre2",
    options=(
        "-DCMAKE_BUILD_TYPE=Release",
        # Instead of -O3, which takes twice as long to compile. The patterns run as machine code that PCRE2 itself generates.
        "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG",
        "-DBUILD_STATIC_LIBS=ON",
        "-DBUILD_SHARED_LIBS=OFF",
        "-DPCRE2_STATIC_PIC=ON",
        "-DPCRE2_BUILD_PCRE2_8=ON",
        "-DPCRE2_BUILD_PCRE2_16=OFF",
        "-DPCRE2_BUILD_PCRE2_32=OFF",
        "-DPCRE2_SUPPORT_UNICODE=ON",
        "-DPCRE2_SUPPORT_JIT=ON",
        "-DPCRE2_NEWLINE=LF",
        "-DPCRE2_BUILD_PCRE2GREP=OFF",
        "-DPCRE2_BUILD_TESTS=OFF",
        "-DPCRE2_SHOW_REPORT=OFF",
    ),
    target="libpcre2-8.a",
    header="interface/pcre2.h",
    subdirectory="src/libpcre2",
)

if __name__ == "__main__":
    main(PCRE2)

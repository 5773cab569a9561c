"""Build the static WiredTiger library to which the storage binding is linked.

Run it by hand with `python vendor/build_wiredtiger.py`; it prints the directory of the result.
"""

from __future__ import annotations

import sys
from pathlib import Path

VENDOR = Path(__file__).resolve().parent
sys.path.insert(0, str(VENDOR))
from source_build import Recipe, main  # noqa: E402 - beside this file, which runs before anything is installed

WIREDTIGER = Recipe(
    title="WiredTiger",
    name="wiredtiger",
    options=(
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_UNITY_BUILD=ON",
        "-DENABLE_STATIC=ON",
        "-DENABLE_SHARED=OFF",
        "-DWITH_PIC=ON",
        "-DHAVE_DIAGNOSTIC=OFF",
        "-DENABLE_DEBUG_INFO=OFF",
        "-DENABLE_STRICT=OFF",
        "-DENABLE_PYTHON=OFF",
        "-DENABLE_CPPSUITE=OFF",
        "-DENABLE_MODEL=OFF",
        "-DENABLE_LZ4=OFF",
        "-DENABLE_SNAPPY=OFF",
        "-DENABLE_ZLIB=OFF",
        "-DENABLE_ZSTD=OFF",
    ),
    target="libwiredtiger.a",
    header="include/wiredtiger.h",
    patches=tuple(sorted((VENDOR / "patches").glob("*.patch"))),
)

if __name__ == "__main__":
    main(WIREDTIGER)

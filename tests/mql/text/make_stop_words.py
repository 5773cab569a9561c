"""Generate `secantus_server/mql/text/stop_words.z` from the stop word lists of Snowball.

usage: python make_stop_words.py SNOWBALL OTHERS

SNOWBALL is a checkout of https://github.com/snowballstem/snowball-website. OTHERS is a directory with `romanian.txt` and `turkish.txt`,
which Snowball does not have; those of the package stop-words 2025.11.4 have one word per line. Run it only to adopt new lists: the
entries of stored text indexes depend on the file.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

TARGET = Path(__file__).parents[3] / "secantus_server/mql/text/stop_words.z"
SNOWBALL = (
    *("danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "norwegian", "portuguese", "russian"),
    *("spanish", "swedish"),
)
OTHERS = ("romanian", "turkish")


def words_of(path: Path) -> list[str]:
    """Return the words of a list, in which a vertical bar begins a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted({word for line in lines for word in line.partition("|")[0].split()})


def main(snowball: Path, others: Path) -> None:
    """Write one line per language: its name and its words."""
    paths = {language: snowball / "algorithms" / language / "stop.txt" for language in SNOWBALL}
    paths |= {language: others / f"{language}.txt" for language in OTHERS}
    lines = [" ".join([language, *words_of(path)]) for language, path in sorted(paths.items())]
    TARGET.write_bytes(zlib.compress("\n".join(lines).encode(), 9))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

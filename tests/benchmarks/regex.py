"""Regular expressions over 100,000 documents, compiled to machine code and interpreted. PCRE2 interprets if memory cannot be made
executable.

``python -m tests.benchmarks.regex`` prints the processor time of a scan in milliseconds. The scan consists only of matching, without
storage and sockets.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from secantus_server.bson import encode
from secantus_server.mql.match.regex import regex_match
from secantus_server.mql.regex import compile_pattern
from secantus_server.mql.regex.literal import literal_of

DOCUMENTS = 100_000
ROUNDS = 5
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda berlin münchen paris london tokyo oslo".split()

PATTERNS = {
    "prefix": ("^alpha", ""),
    "prefix and more": ("^alpha.*beta", ""),
    "literal": ("kappa", ""),
    "case-insensitive": ("KAPPA", "i"),
    "alternation": ("tokyo|oslo|paris", ""),
    "class with repetition": ("[a-z]+[0-9]+@[a-z0-9]+\\.com", ""),
    "suffix": ("97\\.com$", ""),
    "word": ("\\bberlin\\b", ""),
    "lookahead": ("(?=.*kappa)(?=.*oslo)", ""),
}


def texts(seed: int = 5) -> list[str]:
    """Return strings of three words and a mail address."""
    chance = random.Random(seed)
    return [f"{' '.join(chance.choice(WORDS) for _ in range(3))} user{n}@example{n % 97}.com" for n in range(DOCUMENTS)]


def best_ms(work: Callable[[], object]) -> float:
    """Return the processor time of the fastest of several rounds in milliseconds."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found) * 1000


def scan(docs: list[bytes], pattern: str, options: str) -> float:
    """Return the time to match a pattern against every document."""
    matches = regex_match("a", pattern, options).matches
    return best_ms(lambda: [matches(doc) for doc in docs])


def main() -> None:
    """Print the table of results."""
    strings = texts()
    docs = [encode({"_id": n, "a": text}) for n, text in enumerate(strings)]
    print(f"{'100,000 documents, ms':24} {'machine code':>12} {'interpreted':>12} {'ratio':>6}")
    for name, (pattern, options) in PATTERNS.items():
        compiled = scan(docs, pattern, options)
        if literal_of(pattern, options)[0] is not None:
            print(f"{name:24} {compiled:12.1f}  (bytes are compared)")
            continue
        interpreted = scan(docs, f"(*NO_JIT){pattern}", options)
        print(f"{name:24} {compiled:12.1f} {interpreted:12.1f} {interpreted / compiled:6.2f}")
    words = compile_pattern("[a-z]+", "")
    print(f"{'$regexFindAll, words':24} {best_ms(lambda: [words.find_all(text) for text in strings]):12.1f}")


if __name__ == "__main__":
    main()

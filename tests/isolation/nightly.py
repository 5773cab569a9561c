"""The nightly check of long histories: ``python -m tests.isolation.nightly``, by default 100,000 transactions with each of three seeds."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.crash.test_kill import start
from tests.isolation.adya import NoChecker, checker
from tests.isolation.list_append import judge, run

SEEDS = 3
TRANSACTIONS = 100_000
RESTARTS = 5


def main() -> int:
    """Run and check a history for each seed, and print the results. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.isolation.nightly")
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS, help="transactions for each seed")
    parser.add_argument("--seed", type=int, action="append", help="instead of random ones; may be repeated")
    options = parser.parse_args()
    try:
        checker()
    except NoChecker as error:
        print(error, file=sys.stderr)
        return 1
    for seed in options.seed or [random.SystemRandom().randrange(1 << 32) for _ in range(SEEDS)]:
        directory = Path(tempfile.mkdtemp(prefix="isolation-"))
        began = time.monotonic()
        history = run(partial(start, directory / "data"), options.transactions, seed, restarts=RESTARTS)
        ran = time.monotonic()
        judge(history, directory / "history.jsonl", seed)
        print(f"seed {seed}: {history.outcomes}, {ran - began:.0f} s, checked in {time.monotonic() - ran:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

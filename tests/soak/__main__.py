"""The soak test: ``python -m tests.soak`` runs for a day, ``--minutes 10`` for ten minutes.

The exit status is 1 if a measurement keeps growing after the warm-up.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.soak.load import Load
from tests.soak.samples import Sample, growing, heading, row, take

DAY_MINUTES = 24 * 60
SAMPLES = 48
LONGEST_WARM_UP_MINUTES = 60


def main() -> int:
    """Run the load on a daemon and print the measurements; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=DAY_MINUTES, help="how long")
    parser.add_argument("--rate", type=float, default=10, help="operations per second of each client")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' choices")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        storage = Path(directory) / "data"
        daemon = Daemon(storage)
        load = Load(daemon.uri, options.rate, options.seed)
        try:
            load.start()
            samples = watch(daemon, storage, load, options.minutes)
        finally:
            load.stop()
            daemon.kill()
    found = growing(samples, min(LONGEST_WARM_UP_MINUTES, options.minutes / 4)) + [f"a client failed: {error!r}" for error in load.errors]
    print(f"{load.operations} operations in {options.minutes:g} minutes: {'; '.join(found) or 'nothing grows'}")
    return 1 if found else 0


def watch(daemon: Daemon, storage: Path, load: Load, minutes: float) -> list[Sample]:
    """Take samples for the given time, or until a client fails, and return them."""
    samples: list[Sample] = []
    pause, began = threading.Event(), time.monotonic()
    print(heading())
    with daemon.client() as client:
        while time.monotonic() - began < minutes * 60 and not load.errors:
            pause.wait(minutes * 60 / SAMPLES)
            samples.append(take(daemon.process.pid, storage, client, began))
            print(row(samples[-1]), flush=True)
    return samples


if __name__ == "__main__":
    sys.exit(main())

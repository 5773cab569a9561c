"""The throughput of several client processes together, compared with that of one.

    python -m tests.benchmarks.client_processes [--processes N] [--turns N] [--seconds SECONDS]

Each process finds one document by `_id` again and again on the same daemon. For four processes on two cores, the ratio should be at
least 1.5.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.benchmarks.daemons import OURS, daemon
from tests.benchmarks.measure import connect

CLIENT = """
import sys
import time

from pymongo import MongoClient

things = MongoClient("127.0.0.1", int(sys.argv[1]), directConnection=True).benchmark.things
assert things.find_one({"_id": 5})
end, found = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    things.find_one({"_id": 5})
    found += 1
print(found)
"""


def finds(port: int, processes: int, seconds: float) -> int:
    """Return the number of finds of several client processes together."""
    command = [sys.executable, "-c", CLIENT, str(port), str(seconds)]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(int(client.communicate()[0]) for client in clients)


def main() -> None:
    """Print the numbers of finds and their ratio for each turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with daemon(OURS) as (port, _):
        with connect(port) as client:
            client.benchmark.things.insert_many([{"_id": number} for number in range(100)])
        for _ in range(options.turns):
            one, all_together = finds(port, 1, options.seconds), finds(port, options.processes, options.seconds)
            print(f"one process {one}, {options.processes} processes {all_together}: {all_together / one:.2f} x", flush=True)


if __name__ == "__main__":
    main()

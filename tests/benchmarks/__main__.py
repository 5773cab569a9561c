"""The command line of the benchmarks: ``python -m tests.benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tests.benchmarks import daemons
from tests.benchmarks.inprocess import PROBES, run_probes
from tests.benchmarks.report import HEADING, probe_line, table_line
from tests.benchmarks.rows import ROWS
from tests.benchmarks.table import run_table


def parse_arguments() -> argparse.Namespace:
    """Parse the command line. The peer (the server to compare with) has no default."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Ratios against the floor and a peer, medians of one run."
    )
    peer = os.environ.get("SECANTUS_BENCH_PEER")
    parser.add_argument("--peer", metavar="COMMAND", default=peer, help="the peer's daemon (default: $SECANTUS_BENCH_PEER)")
    parser.add_argument("--skip-peer", action="store_true", help="measure without the peer")
    ours = os.environ.get("SECANTUS_BENCH_OURS", daemons.OURS)
    parser.add_argument("--ours", metavar="COMMAND", default=ours, help="our daemon (default: $SECANTUS_BENCH_OURS, or this checkout's)")
    parser.add_argument("--skip-ours", action="store_true", help="measure floor and peer only")
    parser.add_argument(
        "--only", metavar="TEXT", action="append", default=[], help="rows and probes whose name contains TEXT; may be repeated"
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="how long to measure each server in each row")
    parser.add_argument("--mixed-seconds", type=float, default=20, help="how long the six clients of memory_mixed run")
    parser.add_argument("--sleeping-floor", action="store_true", help="the floor sleeps at once where our server first looks for a message")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--list", action="store_true", help="print the names of rows and probes and stop")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    options = parser.parse_args()
    if options.skip_ours and (options.skip_peer or not options.peer):
        parser.error("--skip-ours needs --peer COMMAND")
    return options


def wanted(name: str, only: list[str]) -> bool:
    """Return whether ``--only`` selects a row or probe with this name."""
    return not only or any(text.lower() in name.lower() for text in only)


def main() -> int:
    """Run the benchmarks and print the results. If requested, also write them as JSON. Return the exit status."""
    options = parse_arguments()
    rows = [row for row in ROWS if wanted(row.name, options.only)]
    probes = [] if options.skip_ours else [name for name in PROBES if wanted(name, options.only)]
    if options.list:
        print(*(row.name for row in rows), *probes, sep="\n")
        return 0
    results: list[Any] = []
    if rows:
        print(HEADING)
        ours = None if options.skip_ours else options.ours
        peer = None if options.skip_peer else options.peer
        for figures in run_table(rows, ours, peer, options.seconds, eager_floor=not options.sleeping_floor):
            results.append(figures)
            print(table_line(figures), flush=True)
    for probe in run_probes(probes, options.ours, options.mixed_seconds):
        results.append(probe)
        print(probe_line(probe), flush=True)
    if options.json:
        write_json(options.json, results)
    return 1 if options.check and any(result.holds() is False for result in results) else 0


def write_json(path: str, results: list[Any]) -> None:
    """Write all results to a JSON file. Entries for rows and entries for probes have different keys."""
    documents = [result.as_json() if hasattr(result, "as_json") else {**vars(result), "holds": result.holds()} for result in results]
    Path(path).write_text(json.dumps(documents, indent=1), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())

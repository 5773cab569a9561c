"""The command line of the simulations: ``python -m tests.simulation --seeds 1000``.

A seed always produces the same history. After a failure, its seed is printed, so that ``--first SEED --seeds 1`` reproduces it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback


def main() -> int:
    """Run the simulations. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--rounds", type=int, default=12, help="how much each client does")
    parser.add_argument("--twice", action="store_true", help="run each seed twice, and compare the histories")
    parser.add_argument("--stop", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--mutant", help="run with a fault of tests/simulation/mutants.py")
    parser.add_argument("--verbose", action="store_true", help="print the counts of each seed")
    options = parser.parse_args()
    from tests.simulation.run import run

    if options.mutant:
        from tests.simulation.mutants import MUTANTS

        MUTANTS[options.mutant]()
    failed, began = [], time.process_time()
    for seed in range(options.first, options.first + options.seeds):
        try:
            outcome = run(seed, options.rounds)
            if options.verbose:
                print(seed, outcome.digest[:16], outcome.counts, flush=True)
            again = run(seed, options.rounds) if options.twice else outcome
            assert outcome.digest == again.digest, f"the same seed has two histories: {outcome.digest} and {again.digest}"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            print(f"seed {seed} FAILED", file=sys.stderr, flush=True)
            failed.append(seed)
            if options.stop:
                break
    print(f"{options.seeds - len(failed)} of {options.seeds} seeds passed in {time.process_time() - began:.0f} s; failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The iteration order of sets of strings affects the history, so the hash seed must be fixed.
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    from tests.simulation.threads import install

    install()
    sys.exit(main())

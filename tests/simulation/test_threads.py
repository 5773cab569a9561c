"""The simulated locks and conditions, with a killed process."""

from __future__ import annotations

import pytest

pytest.importorskip("greenlet")

from tests.simulation.scheduler import Ended, Scheduler, activate
from tests.simulation.threads import Condition


def test_a_kill_while_a_condition_takes_its_lock_back() -> None:
    scheduler, condition, process = Scheduler(1, 0), Condition(), object()

    def wait() -> None:
        with condition:
            condition.wait(0.1)

    def hold() -> None:
        with condition:
            # The waiting task's time ends, and it waits for the lock.
            scheduler.sleep(1)
            scheduler.kill(process, Ended())

    activate(scheduler)
    try:
        waiting = scheduler.spawn("waits", wait, process)
        scheduler.run(lambda: scheduler.steps == 1)
        holding = scheduler.spawn("holds", hold)
        scheduler.run(lambda: waiting.is_ended and holding.is_ended)
    finally:
        activate(None)

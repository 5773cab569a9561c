"""A seeded scheduler of tasks in one thread, with simulated time.

A task is a greenlet. It runs until it blocks on a lock, sleeps, or passes a point at which the operating system could switch to a
different thread. The scheduler then chooses the next task at random. Each step advances the time a little. If all tasks are blocked, the
time jumps to the next deadline.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import Any

import greenlet

MOST_STEPS = 60_000
#: The maximum number of points that a task passes before other tasks run.
LONGEST_SLICE = 300


class Stuck(Exception):
    """The error if no task can continue, or if the tasks run without end."""


class Ended(BaseException):
    """The exception that the scheduler throws into a task whose process has been killed."""


class Task:
    """A task of the scheduler. `lock` is the lock for which it waits, or None. `deadline` is the time at which its wait ends."""

    def __init__(self, ident: int, name: str, body: Callable[[], object], process: object, hub: Any) -> None:
        self.ident = ident
        self.name = name
        self.process = process
        self.error: BaseException | None = None
        self.is_ended = False
        self.deadline: int | None = None
        self.was_woken = False
        self.killed_by: BaseException | None = None
        self._body = body
        self.greenlet = greenlet.greenlet(self._run, hub)

    def _run(self) -> None:
        try:
            self._body()
        except Ended:
            pass
        except BaseException as error:  # noqa: BLE001 the scheduler raises it
            self.error = error
        finally:
            self.is_ended = True

    def where(self) -> str:
        """Return the place at which the task waits, for an error message."""
        frame = self.greenlet.gr_frame
        lines = [] if frame is None else traceback.format_stack(frame)[-12:]
        return f"{self.name}:\n{''.join(lines)}"


class Scheduler:
    """A scheduler that runs tasks in one thread.

    Arguments:
        seed: the seed of all choices.
        share: the probability that a task yields to another task at a switch point.
    """

    def __init__(self, seed: int, share: float) -> None:
        self.chance = random.Random(f"scheduler {seed}")
        self.share = share
        #: The simulated time in microseconds.
        self.now_us = 1_000_000_000
        self.steps = 0
        self.current: Task | None = None
        self.tasks: list[Task] = []
        self._ready: list[Task] = []
        self._blocked: list[Task] = []
        self._numbers = self._points = 0
        self._hub = greenlet.getcurrent()

    def spawn(self, name: str, body: Callable[[], object], process: object = None) -> Task:
        """Add a task and return it.

        Arguments:
            process: the process to which the task belongs, for `kill`.
        """
        self._numbers += 1
        task = Task(self._numbers, name, body, process, self._hub)
        self.tasks.append(task)
        self._ready.append(task)
        return task

    def run(self, until: Callable[[], bool]) -> None:
        """Run the tasks until `until` returns true.

        Raises:
            Stuck: the condition cannot become true.
        """
        self._hub = greenlet.getcurrent()
        while not until():
            if not self._ready and not self._pass_time():
                raise Stuck("no task can continue:\n" + "\n".join(task.where() for task in self._blocked))
            if self._ready:
                self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Stuck(f"the tasks run without end: {[task.name for task in self._ready]}")
        self.now_us += self.chance.choice((1, 10, 50, 200))
        task = self._ready.pop(self.chance.randrange(len(self._ready)))
        self.current = task
        self._points = 0
        if task.killed_by is not None:
            error, task.killed_by = task.killed_by, None
            task.greenlet.throw(error)
        else:
            task.greenlet.switch()
        self.current = None
        if task.is_ended:
            self.tasks.remove(task)
            if task.error is not None:
                raise task.error
        self._wake_late()

    def _pass_time(self) -> bool:
        """Advance the time until a blocked task can continue. Return False if none of the blocked tasks has a deadline."""
        deadlines = [task.deadline for task in self._blocked if task.deadline is not None]
        if not deadlines:
            return False
        self.now_us = max(self.now_us, min(deadlines))
        self._wake_late()
        return True

    def _wake_late(self) -> None:
        for task in [one for one in self._blocked if one.deadline is not None and one.deadline <= self.now_us]:
            self._unblock(task)

    def _unblock(self, task: Task) -> None:
        self._blocked.remove(task)
        self._ready.append(task)

    def point(self) -> None:
        """Mark a switch point: with a certain probability, run other tasks first. The calling task remains ready to run."""
        task = self.current
        if task is None:
            return
        self._points += 1
        # As for a thread, a time slice must end: the task may be polling until another task has made progress.
        if self._points > LONGEST_SLICE or self.chance.random() < self.share:
            self._ready.append(task)
            self._hub.switch()

    def block(self, timeout_us: int | None) -> bool:
        """Block the calling task until `wake` is called or the timeout expires. Return whether `wake` was called."""
        task = self.current
        assert task is not None, "only a task can wait"
        task.deadline = None if timeout_us is None else self.now_us + timeout_us
        task.was_woken = False
        self._blocked.append(task)
        self._hub.switch()
        return task.was_woken

    def wake(self, task: Task) -> None:
        """Make a blocked task ready to run."""
        if task in self._blocked:
            task.was_woken = True
            self._unblock(task)

    def sleep(self, seconds: float) -> None:
        """Block the calling task for the given time."""
        self.block(int(seconds * 1_000_000))

    def kill(self, process: object, error: BaseException) -> None:
        """Throw an error into each task of a process when the task runs next."""
        for task in self.tasks:
            if task.process is process and task is not self.current:
                task.killed_by = error
                if task in self._blocked:
                    self._unblock(task)


#: The scheduler of the present run. The locks of the server can find it only here.
active: Scheduler | None = None


def activate(scheduler: Scheduler | None) -> None:
    """Set the scheduler that the simulated locks use, or None."""
    global active
    active = scheduler


def in_task() -> Any:
    """Return the active scheduler if the caller is one of its tasks, or None."""
    return active if active is not None and active.current is not None else None

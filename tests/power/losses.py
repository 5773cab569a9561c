"""Tests of many simulated power losses: `python -m tests.power.losses 1000` prints what was tried and what was lost.

Several clients write to a store on the file system of `power_fs.c`. At random file system calls, it creates an image of the state after a
power loss. An ordinary server opens each image, and the contents are compared with the statements that were acknowledged by that time.
One of the images becomes the next store, whose first image may be created during its recovery.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.storage import log_marks
from tests.power.clients import Client, Layers
from tests.power.file_system import PowerFileSystem
from tests.power.model import SHARED, Content, History, State, least
from tests.power.verify import Store, ask_again, compare, copied, give_marks, part_of, read

CLIENTS = 4
IMAGES_PER_STORE = 20
#: The maximum number of file system calls between two images.
MOST_CALLS = 60
#: The number of consecutive stores after which a new one is created.
GENERATIONS = 5
PATIENCE_S = 120.0


@dataclass
class Figures:
    """Counts of the power losses and checks that were performed."""

    losses: int = 0
    acknowledged: int = 0
    durable: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name}: {number}" for name, number in sorted(self.kinds.items()))
        return (
            f"{self.losses} power losses, {self.acknowledged} acknowledged statements before them, {self.durable} of which had to be "
            f"there, {len(self.problems)} problems ({kinds})"
        )


class Losses:
    """A sequence of stores, with several power losses of each.

    Arguments:
        directory: the directory for all files.
        seed: the seed of everything except the order of the threads.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.figures = Figures()
        self._directory = directory
        self._chance = random.Random(seed)
        self._file_system = PowerFileSystem()
        self._numbers = 0
        self._image: Path | None = None
        self._states: list[State] = []
        self._age = 0
        # The images that were created before the server had started.
        self._early = 0

    def run_one(self, images: int = IMAGES_PER_STORE) -> None:
        """Let clients write to one store, and check the images of its power losses."""
        self._numbers += 1
        home = self._directory / str(self._numbers)
        store = home / "store"
        if self._image is None:
            self._states, self._age = [{SHARED: Content({})} for _ in range(CLIENTS)], 0
            made = Store(store)
            reply = made.run({"create": SHARED})
            assert reply["ok"], reply
            made.close()
        else:
            self._image.rename(home.with_suffix(".kept"))
            home.mkdir()
            home.with_suffix(".kept").rename(store)
        self._age += 1
        histories = [History(state) for state in self._states]
        at, last = [], 0
        for _ in range(images):
            last += self._chance.randrange(1, self._chance.choice([4, MOST_CALLS]))
            at.append(last)
        self._file_system.begin(store, home, at, self._chance.getrandbits(63))
        problems = self._write(store, histories, images)
        self.figures.problems += [f"store {self._numbers}: {one}" for one in problems]
        next_image = self._chance.randrange(images)
        for number in range(self._file_system.images):
            self._look_at(home, number, histories, keeps=number == next_image)
        if self._age == GENERATIONS:
            self._image = None
        for path in (store, *(home / str(number) for number in range(images))):
            shutil.rmtree(path, ignore_errors=True)

    def _write(self, store: Path, histories: list[History], images: int) -> list[str]:
        """Let clients write until all images are created. Return the problems that occurred."""
        syncs = self._chance.random() < 0.25
        with self._file_system.used():
            server = SecantusDBServer(port=0, storage_path=str(store), log_level="error", sync_on_commit=syncs, checkpoint_interval_s=0)
            server.start()
            self._early = self._file_system.images
            shutil.copy(store / log_marks.NAME, store.with_suffix(".marks"))
            clients = [
                Client(number, self._chance.getrandbits(32), history, self._file_system, always_durable=syncs)
                for number, history in enumerate(histories)
            ]
            layers = Layers(server, histories, self._file_system, self._chance.getrandbits(32))
            for client in clients:
                client.start(server)
            try:
                before = self._file_system.calls
                while self._file_system.images < images and not any(client.problem for client in clients):
                    if self._file_system.calls > before + 15:
                        layers.act()
                        before = self._file_system.calls
                    clients[0].pause()
            finally:
                for client in clients:
                    client.stop()
                for client in clients:
                    client.join()
                server.stop()
        return [client.problem for client in clients if client.problem]

    def _look_at(self, home: Path, number: int, histories: list[History], *, keeps: bool) -> None:
        """Check one image. If `keeps` is true, use the image as the next store."""
        figures, image = self.figures, home / str(number)
        asked, acknowledged = self._file_system.counts(number)
        needed = least(histories, acknowledged)
        how = self._file_system.description(number)
        marks = give_marks(image, None if number < self._early else home / "store.marks", self._chance)
        figures.losses += 1
        figures.kinds[how.split(" of ")[0]] += 1
        figures.acknowledged += sum(acknowledged[: len(histories)])
        figures.durable += sum(needed)
        kept = copied(image, home / "kept") if keeps else None
        problems: list[str] = []
        try:
            opened = Store(image)
        except CommandError as error:
            problems.append(f"does not open: {error.message}")
        else:
            contents = read(opened, problems, with_oplog=True)
            positions, wrong = compare(contents, histories, needed, asked)
            problems += wrong
            if kept is not None and not problems:
                self._image, self._states = kept, [part_of(n, contents) for n in range(len(histories))]
            if not problems:
                client = self._chance.randrange(len(histories))
                problems += ask_again(opened, client, histories[client], positions[client])
            opened.close()
        figures.problems += [f"store {self._numbers}, image {number}, {how}, marks {marks}: {one}" for one in problems]


def lose_power(times: int, seed: int, directory: Path) -> Figures:
    """Simulate a number of power losses, and return the counts. Stop early if there are many problems."""
    losses = Losses(directory, seed)
    while losses.figures.losses < times and len(losses.figures.problems) < 10:
        losses.run_one(min(IMAGES_PER_STORE, times - losses.figures.losses))
    return losses.figures


def main() -> int:
    """Simulate the power losses that the command line requests. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = lose_power(arguments.times, arguments.seed, Path(directory))
    print(f"seed {arguments.seed}: {figures}")
    for problem in figures.problems:
        print(f"  {problem}")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())

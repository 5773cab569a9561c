"""Layers: which owner a write belongs to, and when it is undone."""

from __future__ import annotations

import random

import pytest

from pytest_secantus.isolation import RANKS, SEED_RANK, TEST_RANK, Layers
from tests.plugin.fake_store import FakeSnapshot, FakeStore, RenewingStore

SESSION, MODULE, CLASS = RANKS["session"], RANKS["module"], RANKS["class"]


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def layers(store: FakeStore) -> Layers:
    layers = Layers()
    layers.attach(store)
    return layers


def write(store: FakeStore, **values: int) -> None:
    store.values.update(values)


def test_what_an_owner_wrote_goes_with_it(store: FakeStore, layers: Layers) -> None:
    write(store, before=1)
    with layers.writing("test", TEST_RANK):
        write(store, before=2, mine=1)
    assert store.values == {"before": 2, "mine": 1}
    layers.close("test")
    assert store.values == {"before": 1}
    assert store.snapshots == ()


def test_layers_close_inside_out(store: FakeStore, layers: Layers) -> None:
    with layers.writing("module", MODULE):
        write(store, x=1)
    with layers.writing("test", TEST_RANK):
        write(store, x=2)
    layers.close("test")
    assert store.values == {"x": 1}
    layers.close("module")
    assert store.values == {}


def test_an_unused_layer_is_dropped(store: FakeStore, layers: Layers) -> None:
    with layers.writing("module", MODULE):
        assert len(store.snapshots) == 1
    assert store.snapshots == ()
    layers.close("module")


def test_a_layer_with_a_snapshot_of_the_fixtures_own_stays(store: FakeStore, layers: Layers) -> None:
    with layers.writing("module", MODULE):
        own = store.snapshot()
    assert own in store.snapshots


def test_a_wider_owner_in_the_middle_of_a_test(store: FakeStore, layers: Layers) -> None:
    with layers.writing("test", TEST_RANK):
        write(store, shared=1, test=1)
        with layers.writing("session", SESSION):
            assert store.values == {}
            write(store, shared=2, session=1)
        assert store.values == {"shared": 1, "test": 1, "session": 1}
        write(store, later=1)
    layers.close("test")
    assert store.values == {"shared": 2, "session": 1}
    layers.close("session")
    assert store.values == {}


def test_a_wider_owner_between_two_tests(store: FakeStore, layers: Layers) -> None:
    with layers.writing("module", MODULE):
        write(store, module=1)
    with layers.writing("session", SESSION):
        write(store, session=1)
    layers.close("module")
    assert store.values == {"session": 1}


def test_a_snapshot_of_the_tests_own_survives_being_set_aside(store: FakeStore, layers: Layers) -> None:
    with layers.writing("test", TEST_RANK):
        write(store, x=1)
        own = store.snapshot()
        write(store, x=2)
        with layers.writing("session", SESSION):
            write(store, session=1)
        store.restore(own)
        assert store.values == {"x": 1, "session": 1}
    layers.close("test")
    assert store.values == {"session": 1}


def test_a_half_done_owner_of_the_same_rank_writes_on(store: FakeStore, layers: Layers) -> None:
    with layers.writing("outer", MODULE):
        write(store, outer=1)
        with layers.writing("inner", MODULE):
            write(store, inner=1)
        write(store, outer=2)
    layers.close("outer")
    assert store.values == {"inner": 1}
    layers.close("inner")
    assert store.values == {}


def test_an_owner_goes_from_beneath_others(store: FakeStore, layers: Layers) -> None:
    for owner in ("first", "second", "third"):
        with layers.writing(owner, SESSION):
            write(store, **{owner: 1})
    layers.close("first")
    assert store.values == {"second": 1, "third": 1}
    layers.close("second")
    layers.close("third")
    assert store.values == {}


def test_an_owner_that_ends_while_set_aside_does_not_come_back(store: FakeStore, layers: Layers) -> None:
    with layers.writing("module", MODULE):
        write(store, module=1)
    with layers.writing("session", SESSION):
        layers.close("module")
        write(store, session=1)
    assert store.values == {"session": 1}
    assert not layers.is_open("module")


def test_a_server_that_starts_in_the_middle(store: FakeStore) -> None:
    layers = Layers()
    with layers.writing("test", TEST_RANK):
        with layers.writing("session", SESSION):
            layers.attach(store)
            write(store, session=1)
        write(store, test=1)
    layers.close("test")
    assert store.values == {"session": 1}


def test_a_test_may_restore_a_snapshot_from_outside(store: FakeStore, layers: Layers) -> None:
    with layers.writing("session", SESSION):
        write(store, x=1)
        own = store.snapshot()
    with layers.writing("test", TEST_RANK):
        write(store, x=2)
        store.restore(own)
        write(store, x=3)
    layers.close("test")
    assert store.values == {"x": 1}
    with layers.writing("next", TEST_RANK):
        write(store, x=4)
    layers.close("next")
    assert store.values == {"x": 1}


def test_a_seed_is_exchanged(store: FakeStore, layers: Layers) -> None:
    with layers.writing("a", SEED_RANK):
        write(store, a=1)
    a = layers.take_out("a")
    with layers.writing("b", SEED_RANK):
        write(store, b=1)
    assert store.values == {"b": 1}
    layers.take_out("b")
    with layers.writing("test", TEST_RANK):
        layers.put_in(a)
        write(store, test=1)
    assert store.values == {"a": 1, "test": 1}
    layers.close("test")
    assert store.values == {"a": 1}


def test_without_a_server_nothing_happens() -> None:
    layers = Layers()
    with layers.writing("test", TEST_RANK), layers.writing("session", SESSION):
        pass
    layers.close("test")
    layers.close("nobody")


def test_detaching_forgets(store: FakeStore, layers: Layers) -> None:
    with layers.writing("test", TEST_RANK):
        write(store, x=1)
        layers.detach()
    layers.close("test")
    assert store.values == {"x": 1}


class Walk:
    """A random sequence of owners that are set up and torn down, some during the setup of others, as fixtures are."""

    def __init__(self, seed: int, store: FakeStore) -> None:
        self.random = random.Random(seed)
        self.store, self.layers = store, Layers()
        self.layers.attach(self.store)
        self.alive: list[str] = []
        self.made = 0

    def set_up(self, rank: float) -> None:
        """Set up one owner, possibly with others of the same or a wider rank during its setup."""
        owner = f"owner{self.made}"
        self.made += 1
        with self.layers.writing(owner, rank):
            write(self.store, **{owner: 1, "shared": self.made})
            while self.random.random() < 0.3:
                self.set_up(self.random.choice([other for other in (SESSION, MODULE, CLASS) if other <= rank]))
            write(self.store, **{owner: 2})
        self.alive.append(owner)

    def tear_down(self) -> None:
        """End a random owner."""
        owner = self.random.choice(self.alive)
        self.layers.close(owner)
        self.alive.remove(owner)

    def check(self) -> None:
        """Check that the store contains exactly the writes of the live owners."""
        assert {name: value for name, value in self.store.values.items() if name != "shared"} == dict.fromkeys(self.alive, 2)


@pytest.mark.parametrize("make_store", [FakeStore, RenewingStore])
@pytest.mark.parametrize("seed", range(100))
def test_however_owners_come_and_go_only_the_living_show(seed: int, make_store: type[FakeStore]) -> None:
    walk = Walk(seed, make_store())
    for _ in range(6):
        walk.set_up(walk.random.choice([SESSION, MODULE, CLASS, TEST_RANK]))
        walk.check()
        if walk.random.random() < 0.5:
            walk.tear_down()
            walk.check()
    while walk.alive:
        walk.tear_down()
        walk.check()
    assert walk.store.values == {}
    assert len(walk.store.snapshots) <= (make_store is RenewingStore)


def test_a_snapshot_is_reused_unless_something_was_written() -> None:
    store, layers = RenewingStore(), Layers()
    layers.attach(store)
    with layers.writing("first", TEST_RANK):
        write(store, first=1)
        (snapshot,) = store.snapshots
    layers.close("first")
    with layers.writing("second", TEST_RANK):
        assert store.snapshots == (snapshot,)
        write(store, second=1)
    layers.close("second")
    write(store, outside=1)
    with layers.writing("third", TEST_RANK):
        assert store.snapshots != (snapshot,)
        write(store, outside=2)
    layers.close("third")
    assert store.values == {"outside": 1}


class RunOfTests(Walk):
    """A random sequence of tests. Some write nothing, take snapshots of their own, restore older ones, or set up wider owners."""

    outside: FakeSnapshot | None = None

    def run(self, *, at_once: bool) -> None:
        """Run a test.

        Arguments:
            at_once: whether the layers learn the end of the test with one call.
        """
        owner = f"test{self.made}"
        self.made += 1
        aside = self.layers.begin(owner, TEST_RANK)
        for step in self.random.choices(
            [self.write, self.set_up_any, self.keep, self.restore_outside], [4, 2, 1, 1], k=self.random.randrange(4)
        ):
            step()
        if at_once:
            self.layers.end(owner, aside)
        else:
            self.layers.finish(owner, aside)
            self.layers.close(owner)

    def write(self) -> None:
        write(self.store, written=self.random.random())  # type: ignore[arg-type]

    def set_up_any(self) -> None:
        self.set_up(self.random.choice([SESSION, MODULE, CLASS]))

    def keep(self) -> None:
        """Take a snapshot that the test does not release."""
        self.store.snapshot()

    def restore_outside(self) -> None:
        """Restore the snapshot that was taken before the first test."""
        if self.outside in self.store.snapshots:
            self.store.restore(self.outside)


@pytest.mark.parametrize("make_store", [FakeStore, RenewingStore])
@pytest.mark.parametrize("seed", range(100))
def test_the_end_of_a_test_in_one_call_or_in_two(seed: int, make_store: type[FakeStore]) -> None:
    states = []
    for at_once in (True, False):
        tests = RunOfTests(seed, make_store())
        states.append([])
        if tests.random.random() < 0.5:
            tests.outside = tests.store.snapshot()
        for _ in range(6):
            tests.run(at_once=at_once)
            if tests.alive and tests.random.random() < 0.3:
                tests.tear_down()
            described = [(owner, rank, written) for owner, rank, written in tests.layers.described()]
            states[-1].append((dict(tests.store.values), len(tests.store.snapshots), described))
    assert states[0] == states[1]

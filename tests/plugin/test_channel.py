"""Messages between the test process and the server's process: values, handles and errors."""

from __future__ import annotations

import gc
import socket

import pytest

from pytest_secantus.channel import Channel, Handles, Objects, dumps, loads
from secantus_server.errors import CommandError
from secantus_server.storage import StorageError


class Thing:
    """An object that stays in its process."""


def test_an_object_that_stays_has_one_handle() -> None:
    objects, handles, thing = Objects((Thing,)), Handles(), Thing()
    first, second = loads(dumps([thing, thing], objects), handles)
    assert first is second
    assert loads(dumps({"it": first}, handles), objects) == {"it": thing}


def test_an_object_is_kept_until_every_handle_that_was_sent_is_forgotten() -> None:
    objects, handles, thing = Objects((Thing,)), Handles(), Thing()
    handle = loads(dumps(thing, objects), handles)
    on_its_way = dumps(thing, objects)
    del handle
    gc.collect()
    objects.forget(handles.take_forgotten())
    handle = loads(on_its_way, handles)
    assert loads(dumps(handle, handles), objects) is thing
    del handle
    gc.collect()
    objects.forget(handles.take_forgotten())
    assert handles.take_forgotten() == []
    with pytest.raises(KeyError):
        objects.named(1)


def test_a_handle_of_another_server_is_refused() -> None:
    handle = loads(dumps(Thing(), Objects((Thing,))), Handles())
    with pytest.raises(ValueError, match="another server"):
        dumps(handle, Handles())


@pytest.mark.parametrize(
    "error",
    [
        CommandError(11000, "E11000", ("Label",), {"keyPattern": {"a": 1}}),
        StorageError("The store is gone.", fatal=True),
        FileNotFoundError(2, "not there", "file"),
        RuntimeError("plain"),
    ],
)
def test_errors_are_made_again(error: Exception) -> None:
    made = loads(dumps(error, Handles()), Handles())
    assert (type(made), str(made), vars(made)) == (type(error), str(error), vars(error))


def test_a_long_message_and_the_end() -> None:
    here, there = socket.socketpair()
    with here, there:
        near, far = Channel(here), Channel(there)
        assert not near.peek_closed()
        far.send(b"x" * 70_000)
        assert not near.peek_closed()
        assert near.receive() == b"x" * 70_000
        far.close()
        assert near.peek_closed()
        with pytest.raises(EOFError):
            near.receive()

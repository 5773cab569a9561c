"""Tests that fail or disturb others on purpose; tests/test_runs.py looks at what is reported."""

import threading

import pytest

LATER = threading.Event()
DONE = threading.Event()


def test_a_wrong_price(secantus_db):
    secantus_db.articles.update_one({"_id": "apple"}, {"$set": {"price_cents": 0}})
    secantus_db.articles.delete_one({"_id": "globe"})
    assert secantus_db.articles.find_one({"_id": "apple"})["price_cents"] > 0


@pytest.fixture
def poll(secantus_db):
    def write():
        LATER.wait()
        secantus_db.polls.insert_one({})
        DONE.set()

    return threading.Thread(target=write, name="poll")


def test_a_thread_is_left(poll):
    poll.start()


def test_that_is_disturbed(secantus_db):
    LATER.set()
    assert DONE.wait(10)

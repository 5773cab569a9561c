"""The library's tests. Each one starts with the books of ``books.json``, and its changes are undone."""

from datetime import datetime, timedelta

import pytest
from library import Library, NotAvailable
from pymongo.errors import DuplicateKeyError

NOW = datetime(2024, 5, 1)

pytestmark = pytest.mark.secantus_seed("books.json")


@pytest.fixture
def library(secantus_db):
    return Library(secantus_db)


def test_a_book_is_lent_once(library):
    assert library.lend("1", "Ada", NOW) == NOW + timedelta(days=28)
    with pytest.raises(NotAvailable):
        library.lend("1", "Bo", NOW)
    library.take_back("1")
    library.lend("1", "Bo", NOW)


def test_nobody_has_it_at_first(library):
    assert library.books.count_documents({"reader": {"$exists": True}}) == 0


def test_an_unknown_book_cannot_be_lent(library):
    with pytest.raises(NotAvailable):
        library.lend("99", "Ada", NOW)


def test_adding_a_book_twice_changes_it(library):
    library.add("1", "A Book of Wales, 2nd edition", "Jan Morris")
    assert library.books.count_documents({"isbn": "1"}) == 1
    with pytest.raises(DuplicateKeyError):
        library.books.insert_one({"isbn": "1"})


def test_overdue_books(library):
    library.lend("3", "Ada", NOW - timedelta(days=40))
    library.lend("2", "Bo", NOW - timedelta(days=60))
    library.lend("1", "Cy", NOW)
    assert library.overdue(NOW) == ["Venice", "Good Omens"]


def test_popular_authors(library):
    library.lend("3", "Ada", NOW)
    assert library.popular_authors() == [("Jan Morris", 2), ("Neil Gaiman", 2), ("Terry Pratchett", 2)]


def test_what_if(library, secantus_server):
    with secantus_server.checkpoint():
        library.books.delete_many({})
        assert library.popular_authors() == []
    assert len(library.popular_authors()) == 3

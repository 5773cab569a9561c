"""When the derived contents of a collection are shared between transactions.

Transactions are represented by serial numbers, in the order in which they began.
"""

from __future__ import annotations

from secantus_server.catalog.search_contents import SearchContents


def test_a_value_is_kept_until_a_commit() -> None:
    contents = SearchContents()
    contents.keep("a", 1, 5)
    assert contents.find("a", 5) == contents.find("a", 9) == 1
    assert contents.find("b", 9) is None
    contents.begin_change()
    assert contents.find("a", 9) is None
    contents.end_change(12)
    assert contents.find("a", 13) is None


def test_a_scan_that_may_have_missed_a_commit_is_not_kept() -> None:
    contents = SearchContents()
    contents.begin_change()
    contents.keep("a", 1, 7)
    contents.end_change(8)
    contents.keep("a", 1, 7)
    contents.keep("a", 1, 8)
    assert contents.find("a", 20) is None
    contents.keep("a", 2, 9)
    assert contents.find("a", 9) == 2


def test_a_transaction_that_began_before_a_commit_gets_nothing() -> None:
    contents = SearchContents()
    contents.begin_change()
    contents.end_change(8)
    contents.keep("a", 1, 9)
    assert contents.find("a", 8) is None
    assert contents.find("a", 10) == 1


def test_several_commits_at_once() -> None:
    contents = SearchContents()
    contents.begin_change()
    contents.begin_change()
    contents.end_change(3)
    contents.keep("a", 1, 5)
    assert contents.find("a", 5) is None
    contents.end_change(6)
    contents.keep("a", 1, 7)
    assert contents.find("a", 7) == 1


def test_a_restore_forgets_everything() -> None:
    contents = SearchContents()
    contents.keep("a", 1, 5)
    contents.restored(8)
    assert contents.find("a", 9) is None
    contents.keep("a", 2, 9)
    assert contents.find("a", 9) == 2

"""The first tests that a new user might write, run with an installed wheel."""

from __future__ import annotations

import secantus_server


def test_a_first_test(secantus_db):
    """Write, index and read documents."""
    assert "site-packages" in secantus_server.__file__, "the tree is tested instead of the wheel"
    secantus_db.fruit.create_index("kind")
    secantus_db.fruit.insert_many([{"_id": n, "kind": "ab"[n % 2], "name": f"n{n}"} for n in range(100)])
    assert secantus_db.fruit.count_documents({"kind": "a", "name": {"$regex": "^n[1-3]"}}) > 0
    assert len(list(secantus_db.fruit.aggregate([{"$group": {"_id": "$kind", "n": {"$sum": 1}}}]))) == 2


def test_its_writes_are_undone(secantus_db):
    """Check that the documents of the previous test are absent."""
    assert secantus_db.fruit.count_documents({}) == 0

"""Index objects that are created from stored definitions."""

from __future__ import annotations

from secantus_server.index.build import make_index


def test_the_index_on_id_is_made_as_any_other() -> None:
    plain = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    short, general = make_index(plain, 7), make_index({**plain, "ns": "a.b"}, 7)
    for name in (
        "name",
        "ident",
        "prefix",
        "kind",
        "unique",
        "sparse",
        "is_id",
        "parts",
        "point_path",
        "partial_filter",
        "multikey",
        "marks",
    ):
        assert getattr(short, name) == getattr(general, name), name
    assert (short.knows_marks, short.dropped, short.uses) == (general.knows_marks, general.dropped, general.uses)
    for name in ("paths", "directions", "collation"):
        assert getattr(short.generator, name) == getattr(general.generator, name), name
    # The general path also asks the kind for these.
    assert short.kind.guard(plain) is None
    assert short.kind.extractor(plain) is None
    assert make_index(plain, 7, multikey=True).multikey

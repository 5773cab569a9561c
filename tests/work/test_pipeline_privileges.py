"""Every stage has declared the privileges that it requires."""

from __future__ import annotations

from secantus_server import SecantusDBServer  # noqa: F401 - makes the stages known
from secantus_server.pipeline.registry import STAGES as REGISTERED
from secantus_server.pipeline.registry import import_stages
from secantus_server.work._stage_privileges import STAGES
from secantus_server.work.pipeline_privileges import pipeline_requirements


def test_every_stage_declares_what_it_requires() -> None:
    import_stages()
    assert set(STAGES) == set(REGISTERED), "add the stage to work/_stage_privileges.pyx, and a test of what it requires"


def test_an_empty_database_of_a_target_is_the_own_one() -> None:
    required = pipeline_requirements("d", "c", [{"$merge": {"into": {"db": "", "coll": "x"}}}])
    assert (("insert", "update"), "d", "x") in required


def test_malformed_stages_are_left_to_the_parser() -> None:
    for stages in (
        None,
        1,
        [1],
        [{}],
        [{"$lookup": 1}],
        [{"$facet": 1}],
        [{"$facet": {"a": 1}}],
        [{"$merge": 1}],
        [{"$out": {"db": 1}}],
        [{"$x": 1}],
    ):
        assert all(db == "d" for _, db, _ in pipeline_requirements("d", "c", stages))

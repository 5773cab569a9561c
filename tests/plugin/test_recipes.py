"""The recipes of docs/plugin.md for object-document mappers and Hypothesis. Each is skipped if its library is not installed."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

MONGOENGINE = """
    import mongoengine
    import pytest

    class Member(mongoengine.Document):
        mail = mongoengine.StringField(unique=True)

    @pytest.fixture(autouse=True)
    def connected(secantus_uri):
        mongoengine.connect("app", host=secantus_uri)
        yield
        mongoengine.disconnect()

    @pytest.mark.parametrize("run", [1, 2])
    def test_a_mail_address_joins_once(run):
        Member(mail="ann").save()
        with pytest.raises(mongoengine.NotUniqueError):
            Member(mail="ann").save()
"""

MONGOENGINE_CONNECTED_ONCE = """
    import mongoengine
    import pytest

    class Member(mongoengine.Document):
        mail = mongoengine.StringField(unique=True)

    @pytest.fixture(scope="session", autouse=True)
    def connected(secantus_uri):
        mongoengine.connect("app", host=secantus_uri)
        yield
        mongoengine.disconnect()

    @pytest.mark.parametrize("run", [1, 2])
    def test_a_mail_address_joins_once(run):
        Member(mail="ann").save()
        with pytest.raises(mongoengine.NotUniqueError):
            Member(mail="ann").save()
"""

BEANIE = """
    import beanie
    import pytest
    import pytest_asyncio
    from pymongo.errors import DuplicateKeyError
    from typing import Annotated

    class Member(beanie.Document):
        mail: Annotated[str, beanie.Indexed(unique=True)]

    @pytest_asyncio.fixture(autouse=True)
    async def mapped(secantus_async_db):
        await beanie.init_beanie(database=secantus_async_db, document_models=[Member])

    @pytest.mark.asyncio
    @pytest.mark.parametrize("run", [1, 2])
    async def test_a_mail_address_joins_once(run):
        await Member(mail="ann").insert()
        with pytest.raises(DuplicateKeyError):
            await Member(mail="ann").insert()
"""

BUNNET = """
    import bunnet
    import pytest
    from pymongo.errors import DuplicateKeyError
    from typing import Annotated

    class Member(bunnet.Document):
        mail: Annotated[str, bunnet.Indexed(unique=True)]

    @pytest.fixture(scope="session", autouse=True)
    def mapped(secantus_client):
        bunnet.init_bunnet(database=secantus_client.app, document_models=[Member])

    @pytest.mark.parametrize("run", [1, 2])
    def test_a_mail_address_joins_once(run):
        Member(mail="ann").insert()
        with pytest.raises(DuplicateKeyError):
            Member(mail="ann").insert()
"""

HYPOTHESIS = """
    from hypothesis import HealthCheck, given, settings, strategies as st

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
    @given(st.integers(0, 3))
    def test_each_example_finds_nothing(secantus_server, secantus_db, number):
        with secantus_server.checkpoint():
            secantus_db.things.insert_one({"_id": number})
            assert secantus_db.things.count_documents({}) == 1
"""


def test_mongoengine(project: Project) -> None:
    pytest.importorskip("mongoengine")
    project.write(test_it=MONGOENGINE)
    project.run_apart().assert_outcomes(passed=2)


def test_mongoengine_connected_once(project: Project) -> None:
    pytest.importorskip("mongoengine")
    project.write(test_it=MONGOENGINE_CONNECTED_ONCE)
    project.run_apart("-o", "secantus_keep_definitions=yes").assert_outcomes(passed=2)


def test_beanie(project: Project) -> None:
    pytest.importorskip("beanie")
    project.write(test_it=BEANIE)
    project.run_apart("-p", "no:trio").assert_outcomes(passed=2)


def test_bunnet(project: Project) -> None:
    pytest.importorskip("bunnet", exc_type=ImportError)
    project.write(test_it=BUNNET)
    project.run_apart().assert_outcomes(passed=2)


def test_hypothesis(project: Project) -> None:
    pytest.importorskip("hypothesis")
    project.write(test_it=HYPOTHESIS)
    project.run_apart().assert_outcomes(passed=1)

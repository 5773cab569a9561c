"""The recipes of README.md and docs/plugin.md for frameworks, mappers and Hypothesis. Each is skipped if its library is not installed."""

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

FASTAPI = """
    import os
    from contextlib import asynccontextmanager
    from typing import Annotated

    import beanie
    from fastapi import FastAPI, HTTPException
    from pymongo import AsyncMongoClient
    from pymongo.errors import DuplicateKeyError

    class Member(beanie.Document):
        mail: Annotated[str, beanie.Indexed(unique=True)]

    @asynccontextmanager
    async def lifespan(app):
        async with AsyncMongoClient(os.environ["MONGODB_URI"]) as client:
            await beanie.init_beanie(database=client.club, document_models=[Member])
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/members", status_code=201)
    async def join(member: Member):
        try:
            await member.insert()
        except DuplicateKeyError:
            raise HTTPException(409)
"""

TEST_FASTAPI = """
    import pytest
    from fastapi.testclient import TestClient

    from app import app

    @pytest.mark.parametrize("run", [1, 2])
    def test_an_address_joins_once(run):
        with TestClient(app) as client:
            assert client.post("/members", json={"mail": "ann"}).status_code == 201
            assert client.post("/members", json={"mail": "ann"}).status_code == 409
"""

DJANGO_SETTINGS = """
    import os

    SECRET_KEY = "secret"
    DATABASES = {"default": {"ENGINE": "django_mongodb_backend", "HOST": os.environ["MONGODB_URI"], "NAME": "shop"}}
    INSTALLED_APPS = ["shop"]
    DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
"""

DJANGO_MODELS = """
    from django.db import models

    class Order(models.Model):
        number = models.IntegerField(unique=True)
"""

TEST_DJANGO = """
    import pytest
    from django.db import IntegrityError
    from django.test import TestCase
    from shop.models import Order

    @pytest.mark.django_db
    @pytest.mark.parametrize("run", [1, 2])
    def test_a_number_is_used_once(run):
        Order.objects.create(number=1)
        with pytest.raises(IntegrityError):
            Order.objects.create(number=1)

    class Orders(TestCase):
        def test_create(self):
            Order.objects.create(number=1)

        def test_nothing_is_left(self):
            assert Order.objects.count() == 0
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


def test_fastapi(project: Project) -> None:
    for library in ("fastapi", "beanie", "httpx"):
        pytest.importorskip(library)
    project.write(app=FASTAPI, test_it=TEST_FASTAPI)
    project.run_apart("--secantus").assert_outcomes(passed=2)


def test_django(project: Project) -> None:
    for library in ("django", "django_mongodb_backend", "pytest_django"):
        pytest.importorskip(library)
    project.ini("DJANGO_SETTINGS_MODULE = settings", "pythonpath = .")
    project.write(**{"settings": DJANGO_SETTINGS, "shop/__init__": "", "shop/models": DJANGO_MODELS, "test_it": TEST_DJANGO})
    project.run_apart("--secantus").assert_outcomes(passed=4)


def test_hypothesis(project: Project) -> None:
    pytest.importorskip("hypothesis")
    project.write(test_it=HYPOTHESIS)
    project.run_apart().assert_outcomes(passed=1)

"""The Django integration: no flush after tests, with pytest and with `manage.py test`, in one process and in several."""

from __future__ import annotations

import sys

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

SETTINGS = """
    import os

    SECRET_KEY = "secret"
    DATABASES = {
        "default": {
            "ENGINE": "django_mongodb_backend",
            "HOST": os.environ.get("MONGODB_URI", "mongodb://nowhere.invalid"),
            "NAME": "shop",
        }
    }
    INSTALLED_APPS = ["shop"]
    DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
    TEST_RUNNER = "pytest_secantus.django.TestRunner"
"""

ELSEWHERE = """
    from secantus_server.server import SecantusDBServer

    server = SecantusDBServer(port=0, storage_path=":memory:")
    server.start()
    DATABASES["default"]["HOST"] = server.uri
"""

MODELS = """
    from django.db import models

    class Order(models.Model):
        number = models.IntegerField(unique=True)
"""

MIGRATION = """
    import django_mongodb_backend.fields
    from django.db import migrations, models

    def first_order(apps, schema_editor):
        apps.get_model("shop", "Order").objects.create(number=0)

    class Migration(migrations.Migration):
        operations = [
            migrations.CreateModel(
                "Order",
                [
                    ("id", django_mongodb_backend.fields.ObjectIdAutoField(primary_key=True)),
                    ("number", models.IntegerField(unique=True)),
                ],
            ),
            migrations.RunPython(first_order),
        ]
"""

MANAGE = """
    import os
    import sys

    from django.core.management import execute_from_command_line

    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    execute_from_command_line(sys.argv)
"""

TESTS = """
    from django.core.management.commands.flush import Command
    from django.db import IntegrityError
    from django.test import TestCase, TransactionTestCase
    from django_mongodb_backend import transaction

    from shop.models import Order

    def refuse(*args, **kwargs):
        raise AssertionError("the database is flushed")

    Command.handle = refuse

    class Cases:
        def test_create(self):
            assert Order.objects.count() == self.begin
            Order.objects.create(number=1)

        def test_create_again(self):
            assert Order.objects.count() == self.begin
            Order.objects.create(number=1)
            with self.assertRaises(IntegrityError):
                Order.objects.create(number=1)

        def test_a_transaction(self):
            with self.assertRaises(ZeroDivisionError), transaction.atomic():
                Order.objects.create(number=1)
                1 / 0
            assert Order.objects.count() == self.begin

        def test_the_data_of_migrations(self):
            assert Order.objects.filter(number=0).count() == 1

    class Simple(Cases, TestCase):
        begin = 1

    class WithData(Cases, TestCase):
        begin = 2

        @classmethod
        def setUpTestData(cls):
            Order.objects.create(number=2)

    class Transactions(Cases, TransactionTestCase):
        begin = 1
"""

FIXTURES = """
    import pytest
    from shop.models import Order

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("run", [1, 2])
    def test_fixtures(run):
        assert Order.objects.count() == 1
        Order.objects.create(number=1)
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with Django's settings, an application and its migration."""
    for library in ("django", "django_mongodb_backend"):
        pytest.importorskip(library)
    project.write(
        **{
            "settings": SETTINGS,
            "manage": MANAGE,
            "shop/__init__": "",
            "shop/models": MODELS,
            "shop/migrations/__init__": "",
            "shop/migrations/0001_initial": MIGRATION,
            "shop/test_orders": TESTS,
        }
    )
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_pytest(shop: Project, workers: tuple[str, ...]) -> None:
    pytest.importorskip("pytest_django")
    shop.ini("DJANGO_SETTINGS_MODULE = settings", "pythonpath = .")
    shop.write(**{"shop/test_fixtures": FIXTURES})
    result = shop.run_apart("--secantus", "-p", "pytest_secantus.django", *workers)
    result.assert_outcomes(passed=14)


def test_a_database_elsewhere_is_flushed(shop: Project) -> None:
    pytest.importorskip("pytest_django")
    shop.ini("DJANGO_SETTINGS_MODULE = settings", "pythonpath = .")
    shop.write(settings=SETTINGS + ELSEWHERE)
    result = shop.run_apart("--secantus", "-p", "pytest_secantus.django", "-k", "Simple and test_create")
    result.stdout.fnmatch_lines(["*the database is flushed*"])


def test_without_isolation_it_is_a_usage_error(shop: Project) -> None:
    pytest.importorskip("pytest_django")
    shop.ini("DJANGO_SETTINGS_MODULE = settings", "pythonpath = .")
    for arguments in ((), ("--secantus", "--secantus-isolation=none")):
        result = shop.run_apart("-p", "pytest_secantus.django", *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*pytest_secantus.django needs --secantus, with secantus_isolation = restore*"])


@pytest.mark.parametrize("processes", ["1", "3"])
def test_manage(shop: Project, processes: str) -> None:
    result = shop.pytester.run(sys.executable, "manage.py", "test", "--noinput", "--parallel", processes, timeout=100)
    assert result.ret == 0
    result.stderr.fnmatch_lines(["Ran 12 tests in *", "OK"])

"""`secantus_auth`: a server with users, clients with their credentials, and the users and clients of single tests."""

from __future__ import annotations

import pytest

from pytest_secantus.users import Role, User, parse_users
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

INI = ("secantus_auth =", "    app 's3 c:r@t/' readWrite@shop read", "    admin 'p' root")

TESTS = """
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

def users_of(client):
    return client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]

def test_the_first_user(secantus_client, secantus_uri):
    assert users_of(secantus_client) == [{"user": "app", "db": "admin"}]
    with MongoClient(secantus_uri) as client:
        client.shop.articles.insert_one({"_id": 1})
        with pytest.raises(OperationFailure) as caught:
            client.other.articles.insert_one({"_id": 1})
        assert caught.value.code == 13

def test_isolation(secantus_client):
    assert secantus_client.shop.articles.find_one() is None

def test_credentials(secantus_server):
    with MongoClient(secantus_server.uri) as client, pytest.raises(OperationFailure) as caught:
        client.shop.articles.find_one()
    assert caught.value.code == 13
    with MongoClient(secantus_server.uri, username="app", password="wrong") as client, pytest.raises(OperationFailure) as caught:
        client.shop.articles.find_one()
    assert caught.value.code == 18
    with MongoClient(secantus_server.uri, username="app", password="s3 c:r@t/") as client:
        assert client.shop.articles.find_one() is None

def test_other_users(secantus_client_as):
    assert users_of(secantus_client_as("admin")) == [{"user": "admin", "db": "admin"}]
    secantus_client_as("admin").other.c.insert_one({"_id": 1})
    reader = secantus_client_as("read@other", appName="reader")
    assert reader.other.c.find_one() == {"_id": 1}
    with pytest.raises(OperationFailure, match="not authorized on other to execute command"):
        reader.other.c.insert_one({})
    both = secantus_client_as("read@other", "readWrite@shop")
    both.shop.c.insert_many(both.other.c.find())
    assert "appName" not in secantus_client_as.uri("read@other")

def test_the_users_of_a_test_are_gone(secantus_client_as):
    users = secantus_client_as("admin").admin.command("usersInfo")["users"]
    assert {user["user"] for user in users} == {"app", "admin"}

@pytest.mark.secantus_auth("jo", "pw", "read@shop")
def test_a_user_of_a_test(secantus_server, secantus_client_as):
    with MongoClient(secantus_server.uri, username="jo", password="pw") as client:
        assert client.shop.c.find_one() is None
    assert users_of(secantus_client_as("jo")) == [{"user": "jo", "db": "admin"}]

def test_the_user_is_gone(secantus_server):
    with MongoClient(secantus_server.uri, username="jo", password="pw") as client, pytest.raises(OperationFailure):
        client.shop.c.find_one()

def test_all_users_are_dropped(secantus_client_as, secantus_client):
    admin = secantus_client_as("admin")
    secantus_client.shop.c.find_one()
    admin.admin.command("dropAllUsersFromDatabase")
    with pytest.raises(OperationFailure):
        secantus_client.shop.c.find_one()

def test_they_are_back(secantus_client, secantus_client_as):
    secantus_client.shop.c.insert_one({})
    assert secantus_client_as("admin").shop.c.count_documents({}) == 1
    assert secantus_client_as("read@shop").shop.c.count_documents({}) == 1
"""


@pytest.mark.parametrize("process", ["no", "yes"])
def test_a_run_with_users(project: Project, process: str) -> None:
    project.ini(*INI)
    project.write(test_it=TESTS)
    project.passes(f"--secantus-process={process}", passed=9)


def test_a_run_with_users_and_tls(project: Project) -> None:
    project.ini(*INI, "secantus_tls = mutual")
    project.write(
        test_it=TESTS.replace("secantus_server.uri,", "secantus_server.uri, **options,").replace(
            "(secantus_server.uri)", "(secantus_server.uri, **options)"
        )
    )
    project.write(
        conftest="""
        import builtins
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def with_options(secantus_tls):
            builtins.options = secantus_tls.options()
        """
    )
    project.passes(passed=9)


@pytest.mark.parametrize("tls", ["yes", "mutual"])
def test_users_with_certificates(project: Project, tls: str) -> None:
    project.ini("secantus_auth = admin p root", f"secantus_tls = {tls}")
    project.write(
        test_it="""
        import pytest
        from pymongo import MongoClient
        from pymongo.errors import OperationFailure

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(secantus_server, secantus_tls, secantus_client, number):
            ada = secantus_tls.client("ada")
            options = {**secantus_tls.options(), "tlsCertificateKeyFile": ada.file, "authMechanism": "MONGODB-X509"}
            with MongoClient(secantus_server.uri, **options) as client, pytest.raises(OperationFailure, match="Authentication failed"):
                client.shop.c.find_one()
            secantus_client["$external"].command("createUser", ada.subject, roles=[{"role": "readWrite", "db": "shop"}])
            with MongoClient(secantus_server.uri, **options) as client:
                client.shop.c.insert_one({"_id": 1})
        """
    )
    project.passes(passed=2)


@pytest.mark.parametrize("mode", ["namespace", "none"])
def test_other_isolations(project: Project, mode: str) -> None:
    project.ini("secantus_auth = admin p root", f"secantus_isolation = {mode}")
    project.write(
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        @pytest.mark.secantus_auth("jo", "pw", "readAnyDatabase")
        def test_it(secantus_client_as, secantus_db, number):
            assert secantus_client_as("jo")[secantus_db.name].c.find_one() is None
        """
    )
    project.passes(passed=2)


def test_a_suite(project: Project) -> None:
    project.ini(*INI, "    app s2 authSource=shop readWrite", "secantus_redirect = mongo.example.org:27017", "secantus_seed = users.json")
    (project.pytester.path / "users.json").write_text('[{"_id": 1}]')
    project.write(
        test_it="""
        import os
        import pytest
        from pymongo import MongoClient
        from pymongo.errors import OperationFailure

        def test_the_variable():
            with MongoClient(os.environ["MONGODB_URI"]) as client:
                assert client.shop.c.find_one() is None

        def test_a_user_of_another_database():
            with MongoClient("mongodb://app:s2@mongo.example.org/shop") as client:
                client.shop.c.insert_one({"_id": 1})

        def test_redirected_clients_need_credentials():
            with MongoClient("mongo.example.org", username="admin", password="p") as client:
                assert client.secantus_test.users.find_one() == {"_id": 1}
            with MongoClient("mongo.example.org", username="admin", password="wrong") as client:
                with pytest.raises(OperationFailure) as caught:
                    client.secantus_test.users.find_one()
                assert caught.value.code == 18
            with MongoClient("mongo.example.org") as client, pytest.raises(OperationFailure) as caught:
                client.secantus_test.users.find_one()
            assert caught.value.code == 13
        """
    )
    result = project.passes("--secantus", passed=3)
    assert "not checked" not in result.stdout.str()
    assert "s3" not in result.stdout.str()


def test_a_server_that_dies(project: Project) -> None:
    project.ini(*INI, "secantus_process = yes", "secantus_tls = yes")
    project.write(
        test_it="""
        import os, signal

        def test_one(secantus_client, secantus_server):
            secantus_client.shop.c.insert_one({})
            os.kill(secantus_server.pid, signal.SIGKILL)

        def test_two(secantus_client, secantus_client_as):
            assert secantus_client.shop.c.find_one() is None
            assert secantus_client_as("admin").shop.c.find_one() is None
        """
    )
    result = project.run()
    result.stdout.fnmatch_lines(["*test_it.py::test_one*"])
    assert result.parseoutcomes()["passed"] >= 1
    result.stdout.no_fnmatch_line("*FAILED test_it.py::test_two*")


def test_workers(project: Project) -> None:
    project.ini(*INI)
    project.write(test_it=TESTS)
    project.run_apart("-n", "2").assert_outcomes(passed=9)


def test_a_role_that_does_not_exist(project: Project) -> None:
    project.ini("secantus_auth =", "  admin p root", "  app p nothing@shop")
    project.write(test_it="def test_it(secantus_db): pass")
    result = project.run("--secantus")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: secantus_auth: 'app p nothing@shop': the database shop has no role 'nothing'; its roles are *read, *"]
    )


ABSENT = """
    import pytest

    def test_a_client(secantus_client_as):
        secantus_client_as("nothing@shop")

    def test_no_name(secantus_client_as):
        secantus_client_as()

    @pytest.mark.secantus_auth("app", "p", "nothing@shop")
    def test_a_marker(secantus_db): pass
"""


def test_a_role_of_one_test_that_does_not_exist(project: Project) -> None:
    project.ini("secantus_auth = admin p root")
    project.write(test_it=ABSENT)
    result = project.run()
    result.assert_outcomes(failed=2, errors=1)
    refused = "cannot be created: Could not find role: nothing@shop"
    result.stdout.fnmatch_lines_random(
        [
            f"E *UsageError: secantus_client_as('nothing@shop'): the user 'secantus nothing@shop' {refused}",
            "E *UsageError: secantus_client_as(): pass the name of a user of secantus_auth, or roles such as *",
            f"E *UsageError: secantus_auth: the user 'app' {refused}",
        ]
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["secantus_auth = admin p"], "secantus_auth: 'admin p': a user is name password role@database ...*"),
        (["secantus_auth = admin p authSource=admin"], "secantus_auth: *a user is name password role@database ...*"),
        (["secantus_auth = admin p root authSource=a authSource=b"], "secantus_auth: *a user is name password role@database ...*"),
        (["secantus_auth = 'admin p root"], "secantus_auth: *No closing quotation"),
        (["secantus_auth = app p read@shop"], "secantus_auth: one user must have the role root*"),
        (["secantus_auth =", "  a p root", "  a q read@shop"], "secantus_auth: the user 'a' is listed twice"),
        (["secantus_auth = a p root", "secantus_uri = mongodb://h"], "secantus_auth cannot be combined with secantus_uri*"),
        (["secantus_settings = require_auth = yes"], "secantus_settings: require_auth cannot be set here: use secantus_auth*"),
    ],
)
def test_what_cannot_be(project: Project, lines: list[str], message: str) -> None:
    project.ini(*lines)
    project.write(test_it="def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


@pytest.mark.parametrize(
    ("ini", "test", "message"),
    [
        ("", "def test_it(secantus_client_as): pass", "secantus_client_as needs a server with users*"),
        ("", "@pytest.mark.secantus_auth('a', 'b', 'root')\ndef test_it(secantus_db): pass", "secantus_auth: the marker needs a server*"),
        ("secantus_auth = a p root", "@pytest.mark.secantus_auth('a')\ndef test_it(secantus_db): pass", "secantus_auth: a user is name*"),
    ],
)
def test_tests_that_cannot_be(project: Project, ini: str, test: str, message: str) -> None:
    project.ini(ini)
    project.write(test_it=f"import pytest\n{test}\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message}"])


def test_the_marker_is_described(project: Project) -> None:
    project.run("--markers").stdout.fnmatch_lines(["@pytest.mark.secantus_auth(name, password, [*]roles): *"])


def test_users() -> None:
    assert parse_users(["a 'b c' root", 'd "e" read@x readWrite@y']) == (
        User("a", "b c", (Role("root", "admin"),)),
        User("d", "e", (Role("read", "x"), Role("readWrite", "y"))),
    )
    assert parse_users([]) == ()
    (_, other) = parse_users(["a b root", "a b authSource=shop readWrite read@x"])
    assert other == User("a", "b", (Role("readWrite", "shop"), Role("read", "x")), "shop")
    assert other.add_to("mongodb://h/?x=y") == "mongodb://a:b@h/?x=y&authSource=shop"
    assert User("a@b", "c:d", ()).add_to("mongodb://h:1/?x=y") == "mongodb://a%40b:c%3Ad@h:1/?x=y&authSource=admin"

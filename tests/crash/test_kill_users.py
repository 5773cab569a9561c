"""The daemon is killed while users and roles change. Each change is complete or absent, and acknowledged changes are kept."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from tests.integration.daemon import Daemon

ROUNDS = 4
USERS = 6
ROOT_PASSWORD = "root's"


class Script:
    """A client that creates, changes and drops users and a role, and records the possible state of each user.

    Attributes:
        password: the acknowledged password of each user; None for one that does not exist.
        under_way: the user of the statement whose reply is missing, and the user's password after that statement.
    """

    def __init__(self, seed: int) -> None:
        self.password: dict[str, str | None] = {}
        self.under_way: tuple[str, str | None] | None = None
        self.acknowledged = 0
        self._random = random.Random(seed)
        self._thread: threading.Thread | None = None

    def start(self, daemon: Daemon) -> None:
        self._thread = threading.Thread(target=self._run, args=(daemon,))
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self, daemon: Daemon) -> None:
        with daemon.client(retryWrites=False, username="root", password=ROOT_PASSWORD, serverSelectionTimeoutMS=500) as client:
            try:
                while True:
                    self._step(client.admin)
                    self.acknowledged += 1
            except PyMongoError:
                return

    def _step(self, admin: Any) -> None:
        name = f"u{self._random.randrange(USERS)}"
        known, new = self.password.get(name), f"password {self.acknowledged}"
        if known is not None and self._random.random() < 0.3:
            self.under_way = (name, None)
            admin.command("dropUser", name)
        else:
            self.under_way = (name, new)
            roles = [{"role": "read", "db": "d"}, "brief"]
            if not admin.command("rolesInfo", "brief")["roles"]:
                # The server was killed after the role was dropped.
                admin.command({"createRole": "brief", "privileges": [], "roles": []})
            options = {"pwd": new, "roles": roles, "mechanisms": ["SCRAM-SHA-1"]}
            admin.command("createUser" if known is None else "updateUser", name, **options)
        self.password[name] = self.under_way[1]
        self.under_way = None
        if self._random.random() < 0.1:
            # dropRole drops the role and revokes it from all users in one transaction.
            admin.command("dropRole", "brief")
            admin.command({"createRole": "brief", "privileges": [], "roles": []})


def start(directory: Path) -> Daemon:
    return Daemon(directory, "--auth", "--login-delay-ms", "0", "--checkpoint-interval-s", "1")


def can_log_in(daemon: Daemon, name: str, password: str) -> bool:
    with daemon.client(username=name, password=password, authMechanism="SCRAM-SHA-1") as client:
        try:
            client.d.c.find_one()
        except PyMongoError:
            return False
        return True


def problems(daemon: Daemon, script: Script) -> list[str]:
    """Return the differences between the stored users and the script's record."""
    found: list[str] = []
    with daemon.client(username="root", password=ROOT_PASSWORD) as client:
        users = {user["user"]: user for user in client.admin["system.users"].find({"user": {"$ne": "root"}})}
        roles = [role["role"] for role in client.admin["system.roles"].find()]
    for name, user in users.items():
        if not {"_id", "userId", "user", "db", "credentials", "roles"} <= user.keys() or len(user["credentials"]["SCRAM-SHA-1"]) != 4:
            found.append(f"{name} is half a user")
        if not roles and any(role["role"] == "brief" for role in user["roles"]):
            found.append(f"{name} has a role that was dropped")
    for name in {*users, *script.password}:
        possible = {script.password.get(name)}
        if script.under_way is not None and script.under_way[0] == name:
            possible.add(script.under_way[1])
        if name not in users:
            is_right = None in possible
            script.password[name] = None
        else:
            fitting = [password for password in possible if password is not None and can_log_in(daemon, name, password)]
            is_right = len(fitting) == 1
            script.password[name] = fitting[0] if is_right else None
        if not is_right:
            found.append(f"{name} is not as it was acknowledged")
    script.under_way = None
    return found


def test_users_survive_kill_9(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    daemon = start(tmp_path / "data")
    with daemon.client() as client:
        client.admin.command("createUser", "root", pwd=ROOT_PASSWORD, roles=["root"])
    script = Script(seed)
    for _ in range(ROUNDS):
        enough = script.acknowledged + chance.randrange(3, 40)
        script.start(daemon)
        pause = threading.Event()
        while script.acknowledged < enough and script.is_running():
            pause.wait(0.002)
        pause.wait(chance.random() / 100)
        daemon.kill()
        script.join()
        daemon = start(tmp_path / "data")
        assert problems(daemon, script) == []
    assert script.acknowledged >= enough
    daemon.kill()

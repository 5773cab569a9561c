"""The documentation: every link has a target, the examples run, and `.ci/run` runs the README's commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from secantus_server import SecantusDBServer
from tests.plugin.project import LOAD

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])

# Run against a server that has loaded the examples of docs/extending.md.
TRIAL = textwrap.dedent(
    """
    import pytest
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure
    from secantus_server import SecantusDBServer

    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        db = client.db
        assert db.command("countdown", **{"from": 3})["numbers"] == [3, 2, 1]
        for wrong, code in (({"from": 0}, 2), ({}, 40414), ({"from": "x"}, 14), ({"from": 1, "to": 2}, 40415)):
            with pytest.raises(OperationFailure) as caught:
                db.command("countdown", **wrong)
            assert caught.value.code == code, caught.value
        db.c.insert_many([{"_id": number, "on": number % 2 == 0} for number in range(5)])
        stages = [{"$everyNth": 2}, {"$project": {"twice": {"$double": "$_id"}}}]
        assert [one["twice"] for one in db.c.aggregate(stages)] == [0, 4, 8]
        with pytest.raises(OperationFailure, match="only supports int types, not string"):
            db.c.aggregate([{"$project": {"x": {"$double": "a"}}}])
        db.c.update_many({}, {"$toggle": {"on": True, "new": True}})
        assert db.c.find_one({"_id": 0}) == {"_id": 0, "on": False, "new": True}
    """
)


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, *arguments]
    return subprocess.run(line, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist."


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"({name})" in index, f"docs/index.md does not name {name}."


def test_the_first_example_of_the_readme(tmp_path: Path) -> None:
    (tmp_path / "test_fruit.py").write_text(examples("README.md")[0], encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_example_of_the_command_log_in_the_readme(tmp_path: Path) -> None:
    (example,) = (example for example in examples("README.md") if "secantus_commands" in example)
    (tmp_path / "test_orders.py").write_text(example, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_the_commands_of_the_readme() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Install and run\n")[1].split("```")[0]
    lines = re.findall(r"^    (\S.*)$", section, re.MULTILINE)
    assert len(lines) == 2, lines
    steps = iter(re.findall(r"^step (.*)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    for command in (command for line in lines for command in line.split(" && ")):
        # `any` advances the iterator, so the steps must have the order of the README's commands.
        assert any(step == command or step.startswith(f"{command} ||") for step in steps), f".ci/run does not run: {command}"


def test_the_script_of_the_readme(tmp_path: Path) -> None:
    (script,) = (example for example in examples("README.md") if "SecantusDBServer(" in example)
    done = run(tmp_path, "-c", script)
    assert done.returncode == 0, done.stderr


PAGES_OF_TESTS = [
    f"docs/{name}.md"
    for name in ("transactions", "change-streams", "fail-points", "faults", "command-log", "report", "other-languages", "time-series")
]


@pytest.mark.parametrize("page", PAGES_OF_TESTS)
def test_the_examples_of_a_page_of_tests(tmp_path: Path, page: str) -> None:
    for number, block in enumerate(examples(page)):
        (tmp_path / f"test_example_{number}.py").write_text(block, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_search(tmp_path: Path) -> None:
    for number, block in enumerate(examples("docs/search.md")):
        (tmp_path / f"test_example_{number}.py").write_text(block, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "-o", "secantus_search=yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_example_of_the_shadow(tmp_path: Path) -> None:
    (example,) = examples("docs/shadow.md")
    (tmp_path / "test_orders.py").write_text(example, encoding="utf-8")
    with SecantusDBServer(port=0, storage_path=":memory:") as shadow:
        done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", f"--secantus-shadow={shadow.uri}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": no answer differs" in done.stdout


def test_the_examples_of_the_clock(tmp_path: Path) -> None:
    pytest.importorskip("time_machine")
    first, second = examples("docs/clock.md")
    (tmp_path / "test_clock.py").write_text(first, encoding="utf-8")
    (tmp_path / "test_follow.py").write_text(second, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "-o", "secantus_clock=follow")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_finer_isolation(tmp_path: Path) -> None:
    pytest.importorskip("hypothesis")
    blocks = examples("docs/finer-isolation.md")
    if not hasattr(pytest, "Subtests"):
        blocks = [block.split("\n\n\ndef test_each_name")[0] for block in blocks]
    for number, block in enumerate(blocks):
        (tmp_path / f"test_example_{number}.py").write_text(block, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", *LOAD, "-p", "no:cacheprovider", "-q", "-o", "secantus_reset=examples subtests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_how_to_extend(tmp_path: Path) -> None:
    blocks = examples("docs/extending.md")
    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        (tmp_path / f"example_{number}.py").write_text(block, encoding="utf-8")
    imports = "".join(f"import example_{number}\n" for number in range(len(blocks)))
    # Import the server first, because it imports its packages in the order that their registrations need.
    (tmp_path / "trial.py").write_text("import secantus_server.server\n" + imports + TRIAL, encoding="utf-8")
    done = run(tmp_path, "trial.py")
    assert done.returncode == 0, done.stderr


#: The features that a newcomer looks for, with the headings that describe them. Each must be reachable from README.md by at most two links.
FEATURES = {
    "fixtures": "docs/plugin.md#fixtures",
    "seeds": "docs/plugin.md#seeds",
    "isolation": "docs/plugin.md#isolation",
    "existing suites": "docs/plugin.md#existing-suites---secantus",
    "users": "docs/plugin.md#users-and-roles",
    "certificates": "docs/plugin.md#tls",
    "child process": "docs/plugin.md#a-server-in-a-child-process",
    "transactions": "docs/transactions.md",
    "change streams": "docs/change-streams.md",
    "command log": "docs/command-log.md#the-command-log",
    "plan checks": "docs/command-log.md#plan-checks",
    "report": "docs/report.md",
    "clock": "docs/clock.md",
    "following time-machine": "docs/clock.md#following-time-machine-and-freezegun",
    "faults": "docs/faults.md",
    "what a driver does": "docs/faults.md#what-pymongo-does",
    "fail points": "docs/fail-points.md",
    "dumps": "docs/failures.md",
    "pause": "docs/failures.md#looking-at-the-server",
    "resets": "docs/finer-isolation.md#resets-by-hand",
    "examples and subtests": "docs/finer-isolation.md#examples-and-subtests",
    "block": "docs/finer-isolation.md#tests-that-must-not-reach-the-server",
    "threads": "docs/finer-isolation.md#threads-that-a-test-leaves-writing",
    "bridges": "docs/bridges.md",
    "Django": "docs/bridges.md#django",
    "other languages": "docs/other-languages.md",
    "the shop": "examples/shop/README.md",
}


def linked_from(page: Path) -> set[str]:
    """Return the pages that a page links to, as paths relative to the repository's root."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve().relative_to(ROOT).as_posix() for target in targets}


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by which links refer to them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("feature", FEATURES)
def test_two_links_lead_to_each_feature(feature: str) -> None:
    page, _, anchor = FEATURES[feature].partition("#")
    first = linked_from(ROOT / "README.md")
    second = {target for name in first if name.endswith(".md") for target in linked_from(ROOT / name)}
    assert page in first | second, f"Neither README.md nor a page that it links to links to {page}."
    assert not anchor or anchor in anchors(ROOT / page), f"{page} has no heading #{anchor}."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", page.read_text(encoding="utf-8")):
        aim = page.parent / target if target else page
        assert aim.suffix != ".md" or anchor in anchors(aim), f"{page.name} links to {target}#{anchor}, which is no heading."

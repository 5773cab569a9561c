"""`twin URI URI`: run the same random sessions against two servers, and report each difference between their replies as a question."""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson import json_util

from secantus_conformance.commands.options import Subparsers, positive
from secantus_conformance.twin.session import session
from secantus_conformance.twin.shrink import shrink
from secantus_conformance.twin.sides import Question, Side, compare
from secantus_conformance.twin.values import Document
from secantus_server.bson.values import MISSING


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("twin", help="run the same random sessions against two servers and ask about differences")
    parser.add_argument("uri", nargs=2, metavar="URI", help="a running server; its database secantus_twin is dropped")
    parser.add_argument("--seed", type=int, metavar="N", help="the seed of the first session (default: a random one, which is printed)")
    parser.add_argument("--sessions", type=positive, default=100, metavar="N", help="the number of sessions (default: 100)")
    parser.add_argument("--commands", type=positive, default=30, metavar="N", help="the number of commands of a session (default: 30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the questions there")
    parser.set_defaults(command=run)


@dataclass
class Asked:
    """A question about a difference, with the smallest session that reproduces it and the seeds of all sessions that do."""

    question: Question
    commands: list[Document]
    seeds: list[int] = field(default_factory=list)


def run(arguments: argparse.Namespace) -> int:
    """Run the sessions. Return 1 if any session raises a question. Raise UsageError if the request cannot be carried out."""
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    sides = (Side(arguments.uri[0]), Side(arguments.uri[1]))
    asked: dict[str, Asked] = {}
    print(f"{sides[0].version} and {sides[1].version}, seed {seed}")
    try:
        for number in range(seed, seed + arguments.sessions):
            _run_session(sides, number, arguments.commands, asked)
    finally:
        for side in sides:
            side.close()
    open_questions = [one for one in asked.values() if not one.question.is_about_support]
    for one in [*open_questions, *(one for one in asked.values() if one.question.is_about_support)]:
        print(text_of(one))
    print(f"{arguments.sessions} sessions: {len(open_questions)} questions, and {len(asked) - len(open_questions)} about missing features")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([_as_json(one) for one in asked.values()], indent=1, ensure_ascii=False), encoding="utf-8")
    return 1 if open_questions else 0


def _run_session(sides: tuple[Side, Side], seed: int, count: int, asked: dict[str, Asked]) -> None:
    """Run a session. If it raises a new question, shrink the session to the smallest version that still raises this question."""
    commands = session(seed, count)
    found = compare(sides, commands)
    if found is None:
        return
    kind = found.kind
    if kind not in asked:

        def asks(tried: list[Document]) -> bool:
            question = compare(sides, tried)
            return question is not None and question.kind == kind

        small = shrink(commands[: found.place + 1], asks)
        question = compare(sides, small)
        asked[kind] = Asked(found, commands[: found.place + 1]) if question is None else Asked(question, small)
    asked[kind].seeds.append(seed)


def text_of(asked: Asked) -> str:
    """Return a question as text: the commands, and the first difference between the replies to the last command."""
    mismatch = asked.question.mismatch
    lines = [f"? {asked.question.kind}: {len(asked.seeds)} sessions, such as seed {asked.seeds[0]}"]
    lines += [f"    {json_util.dumps(command, ensure_ascii=False)}" for command in asked.commands]
    lines += [f"  {mismatch.path}:", f"    first:  {_shown(mismatch.ours)}", f"    second: {_shown(mismatch.theirs)}"]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "nothing" if value is MISSING else repr(value)[:500]


def _as_json(asked: Asked) -> dict[str, Any]:
    mismatch = asked.question.mismatch
    return {
        "kind": asked.question.kind,
        "about_support": asked.question.is_about_support,
        "seeds": asked.seeds,
        "commands": [json.loads(json_util.dumps(command)) for command in asked.commands],
        "path": mismatch.path,
        "first": _shown(mismatch.ours),
        "second": _shown(mismatch.theirs),
    }

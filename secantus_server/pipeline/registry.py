"""Where stages register themselves, and how a name is looked up.

A name has three answers: it runs; MongoDB has it and Secantus does not yet; nobody has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.stage import Stage

STAGES: dict[str, type[Stage]] = {}

# What MongoDB has and Secantus does not, with what to do instead.
UNSUPPORTED: dict[str, str] = {
    "$changeStreamSplitLargeEvent": "keep the documents of a change stream below 16 megabytes",
    "$listMqlEntities": "ask the documentation of MongoDB for the list",
    "$listSampledQueries": "it is about sharded clusters, and this server is a single node",
    "$operationMetrics": "measure in the client",
    "$rerank": "it is a part of MongoDB Atlas",
    "$scoreFusion": "search is a part of MongoDB Atlas",
    "$score": "search is a part of MongoDB Atlas",
    "$shardedDataDistribution": "it is about sharded clusters, and this server is a single node",
    "$backupCursor": "copy the directory of a stopped server",
    "$backupCursorExtend": "copy the directory of a stopped server",
}

StageClass = TypeVar("StageClass", bound=type[Stage])


def stage(*names: str) -> Callable[[StageClass], StageClass]:
    """Registers a stage's class under its name and its aliases.

    Arguments:
        names: the names with their `$`; the first one is the stage's own.
    """

    def register(cls: StageClass) -> StageClass:
        for name in names:
            assert name not in STAGES, f"two stages named {name}"
            assert name not in UNSUPPORTED, f"{name} is listed as unsupported"
            STAGES[name] = cls
        cls.name = names[0]
        return cls

    return register


def find_stage(name: str) -> type[Stage]:
    """The class of a stage.

    Arguments:
        name: the stage's name with its `$`.

    Raises:
        CommandError: 40324 if MongoDB has no such stage, 238 if it has one that we lack.
    """
    found = STAGES.get(name)
    if found is not None:
        return found
    if name in UNSUPPORTED:
        raise not_supported(f"The stage {name}", UNSUPPORTED[name])
    raise CommandError(40324, f"Unrecognized pipeline stage name: '{name}'")

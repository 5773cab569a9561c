"""Registration and lookup of stages.

Each stage name is either supported, known from MongoDB but unsupported, or unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import RUNNING, import_late, settle
from secantus_server.pipeline.stage import Stage

STAGES: dict[str, type[Stage]] = {}

#: The module that registers each stage. A module is imported when one of its stages is first looked up. Filled by `stages`.
MODULES: dict[str, str] = {}

# The stages that MongoDB has but Secantus does not, with the alternative to suggest.
UNSUPPORTED: dict[str, str] = {
    "$listMqlEntities": "see MongoDB's documentation for the list",
    "$listSampledQueries": "it applies to sharded clusters only, and this server is a single node",
    "$operationMetrics": "measure in the client",
    "$rerank": "it requires MongoDB Atlas",
    "$shardedDataDistribution": "it applies to sharded clusters only, and this server is a single node",
    "$searchBeta": "it requires MongoDB Atlas Search",
    "$backupCursor": "copy the directory of a stopped server",
    "$backupCursorExtend": "copy the directory of a stopped server",
}

StageClass = TypeVar("StageClass", bound=type[Stage])


def stage(*names: str) -> Callable[[StageClass], StageClass]:
    """Return a class decorator that registers a stage under its name and its aliases.

    Arguments:
        names: the names, including `$`; the first one is the primary name.
    """

    def register(cls: StageClass) -> StageClass:
        for name in names:
            assert name not in STAGES, f"two stages named {name}"
            assert name not in UNSUPPORTED, f"{name} is listed as unsupported"
            STAGES[name] = cls
        cls.name = names[0]
        return cls

    return register


def import_stages() -> None:
    """Import the modules of all stages, which registers the stages."""
    for module in MODULES.values():
        import_late(module)


def find_stage(name: str) -> type[Stage]:
    """Return the class of the stage with this name.

    Arguments:
        name: the stage's name, including `$`.

    Raises:
        CommandError: 40324 for an unknown stage, 238 for a stage that MongoDB has but Secantus does not.
    """
    if RUNNING:
        settle()
    if name not in STAGES and name in MODULES:
        import_late(MODULES[name])
    found = STAGES.get(name)
    if found is not None:
        return found
    if name in UNSUPPORTED:
        raise not_supported(f"The stage {name}", UNSUPPORTED[name])
    raise CommandError(40324, f"Unrecognized pipeline stage name: '{name}'")

"""The commands that are interrupted when their client disconnects."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.net.listener import _only_reads


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"find": "c"}, True),
        ({"getMore": 1}, True),
        ({"aggregate": "c", "pipeline": []}, True),
        ({"aggregate": "c", "pipeline": [{"$match": {}}]}, True),
        ({"aggregate": "c", "pipeline": [{"$match": {}}, {"$out": "d"}]}, False),
        ({"aggregate": "c", "pipeline": [{"$merge": "d"}]}, False),
        ({"aggregate": "c", "pipeline": 5}, True),
        ({"update": "c"}, False),
        ({"createIndexes": "c"}, False),
    ],
)
def test_only_reads_are_interrupted(body: dict[str, Any], expected: bool) -> None:
    assert _only_reads(body) is expected

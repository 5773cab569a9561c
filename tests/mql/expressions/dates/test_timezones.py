"""Time zones without the system's zone files: the tzdata package provides them."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import zoneinfo
zoneinfo.reset_tzpath(to=[])
from secantus_server.bson.values import Date
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
expression = parse_expression({"$hour": {"date": "$d", "timezone": "Europe/Berlin"}}, ParseContext())
from secantus_server.bson import encode
print(expression.evaluate(encode({"d": Date(0)})))
"""


def test_an_olson_name_without_the_zone_files_of_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")

"""Observations of differences: server-side JavaScript."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.differences.showing import Db, shows, value_of

HOURS_IN_NEW_YORK = """function (date) {
    const winter = new Date(2024, 0, 15, 8, 30), later = new Date(date);
    later.setHours(0);
    const texts = ["2024-01-15T08:30", "Jan 15 2024 08:30", "2024-01-15"].map((text) => new Date(text).getUTCHours());
    return [date.getHours(), winter.getUTCHours(), later.getUTCHours(), date.getTimezoneOffset() / 60, ...texts].map(NumberInt);
}"""


@shows(
    "javascript_utc",
    before=[8, 13, 5, 5, 13, 13, 0, "Mon Jan 15 2024 08:30:00 GMT-0500"],
    after=[13, 8, 0, 0, 8, 8, 0, "Mon Jan 15 2024 13:30:00 GMT+0000"],
)
def dates_of_scripts(db: Db) -> list[Any]:
    pytest.importorskip("quickjs")
    date = datetime(2024, 1, 15, 13, 30, tzinfo=timezone.utc)
    functions = [HOURS_IN_NEW_YORK, "function (date) { return [String(date)]; }"]
    zone = os.environ.get("TZ")
    try:
        _enter_zone("America/New_York")
        return [part for body in functions for part in value_of(db, {"$function": {"body": body, "args": [date], "lang": "js"}})]
    finally:
        _enter_zone(zone)


def _enter_zone(name: str | None) -> None:
    """Set the time zone of this process, in which the servers run."""
    os.environ.pop("TZ", None)
    if name is not None:
        os.environ["TZ"] = name
    time.tzset()

"""Extended JSON in the form that the suites use: relaxed or canonical, with naive dates, and 64-bit integers as Int64.

Specification: https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md
"""

from __future__ import annotations

from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.json_util import JSONMode, JSONOptions

_PARSE = JSONOptions(tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_SHOW = JSONOptions(json_mode=JSONMode.RELAXED, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def loads(text: str) -> Any:
    """Parse Extended JSON. Raise ValueError for text that is not JSON."""
    return json_util.loads(text, json_options=_PARSE)


def show(value: Any, limit: int = 4000) -> str:
    """Format a value for display, as relaxed Extended JSON if possible and otherwise as repr. Truncate it to `limit` characters."""
    try:
        text = json_util.dumps(value, json_options=_SHOW, indent=1, ensure_ascii=False)
    except (TypeError, ValueError, OverflowError):
        text = repr(value)
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"

"""The cluster parameter `changeStreamOptions`: how long change streams may show documents as they were before a change.

https://www.mongodb.com/docs/manual/reference/cluster-parameters/changeStreamOptions/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.bson.values import is_number
from secantus_server.dispatch.arguments import whole_number
from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

NAME = "changeStreamOptions"
_OFF: dict[str, Any] = {"preAndPostImages": {"expireAfterSeconds": "off"}}


def change_stream_options(services: Services) -> dict[str, Any]:
    """Return the value of the parameter."""
    value: dict[str, Any] = services.parameters.get(NAME, _OFF)
    return value


def check_options(value: Any) -> dict[str, Any]:
    """Return the value to set.

    Raises:
        CommandError: 14, 40415, 2 for a malformed value.
    """
    if type(value) is not dict:
        raise CommandError(14, f"{NAME} must be an object, not {type_name(value)}")
    images = _only_field(NAME, value, "preAndPostImages")
    seconds = _only_field(f"{NAME}.preAndPostImages", images, "expireAfterSeconds")
    if seconds != "off":
        if not is_number(seconds) or whole_number(seconds) <= 0:
            raise CommandError(2, "The value of 'expireAfterSeconds' must be a positive number or 'off'")
        seconds = Int64(whole_number(seconds))
    return {"preAndPostImages": {"expireAfterSeconds": seconds}}


def _only_field(path: str, value: Any, name: str) -> Any:
    if type(value) is not dict:
        raise CommandError(14, f"{path} must be an object, not {type_name(value)}")
    for other in value:
        if other != name:
            raise CommandError(40415, f"BSON field '{path}.{other}' is an unknown field.")
    if name not in value:
        raise CommandError(2, f"{path}.{name} must be given")
    return value[name]


def has_expired(services: Services, wall_ms: int) -> bool:
    """Return whether the image of a document that was changed at a wall clock time is no longer shown."""
    seconds = change_stream_options(services)["preAndPostImages"]["expireAfterSeconds"]
    return seconds != "off" and wall_ms + int(seconds) * 1000 < services.clock.now_ms()

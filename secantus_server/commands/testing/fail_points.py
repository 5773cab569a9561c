"""configureFailPoint and waitForFailPoint. [Fail points in tests](docs/fail-points.md)"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.argument_values import whole_number
from secantus_server.dispatch.fail_points import Mode
from secantus_server.dispatch.privileges import AUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError

# The commands parse these arguments themselves, because while test commands are disabled, they must fail as unknown commands before any
# field is checked.
_WAIT = a.Arguments("waitForFailPoint", {"timesEntered": a.number(required=True, minimum=0)})
_MAX_COUNT = 2**31 - 1
_BAD_VALUE, _TYPE_MISMATCH, _ILLEGAL = 2, 14, 20


@command("configureFailPoint", lenient=True, admin_only=True, privileges=AUTHENTICATED)
def configure_fail_point(request: Request, _args: dict[str, Any]) -> Reply:
    """Set or clear a fail point. Return the number of times that the fail point has been triggered so far as `count`.

    Raises:
        CommandError: 59 unless test commands are enabled, 266 for an unknown fail point, 2, 14 or 20 for an invalid argument.
    """
    name = _name(request)
    mode = _parse_mode(request.body.get("mode"))
    data = request.body.get("data")
    if data is not None and type(data) is not dict:
        raise CommandError(_TYPE_MISMATCH, "the 'data' option must be a document")
    return {"count": request.services.fail_points.set(name, mode, data or {})}


@command("waitForFailPoint", lenient=True, admin_only=True, privileges=AUTHENTICATED)
def wait_for_fail_point(request: Request, _args: dict[str, Any]) -> Reply:
    """Block until a fail point has been triggered `timesEntered` times since the server's start.

    Raises:
        CommandError: 59 unless test commands are enabled, 40414 without `timesEntered` or `maxTimeMS`, 266 for an unknown fail point, 50
            MaxTimeMSExpired.
    """
    name = _name(request)
    args = _WAIT.parse(request.body, request.name)
    if request.operation.deadline is None:
        raise CommandError(40414, "BSON field 'waitForFailPoint.maxTimeMS' is missing but a required field")
    request.services.fail_points.wait_for_entries(name, args["timesEntered"], request.operation)
    return {}


def _name(request: Request) -> str:
    """Return the name of the fail point from the command.

    Raises:
        CommandError: 59 unless test commands are enabled, 14.
    """
    if not request.services.settings.enable_test_commands:
        raise CommandError(59, f"no such command: '{request.name}'")
    return a.own_string(request.name, request.body[request.name])


def _parse_mode(mode: Any) -> Mode | None:
    """Parse the mode of a fail point. Return None for the mode "off".

    Raises:
        CommandError: 20 without a mode, 14 for a mode of the wrong type, 2 for an unknown mode or a number out of range.
    """
    if mode is None:
        raise CommandError(_ILLEGAL, "When setting a failpoint, you must supply a 'mode'")
    if type(mode) is str:
        if mode == "alwaysOn":
            return Mode()
        if mode == "off":
            return None
        raise CommandError(_BAD_VALUE, f"unknown mode: {mode}")
    if type(mode) is not dict:
        raise CommandError(_TYPE_MISMATCH, "'mode' must be a string or a document")
    if "times" in mode:
        times = _count("times", mode["times"])
        return Mode(times=times) if times else None
    if "skip" in mode:
        return Mode(skip=_count("skip", mode["skip"]))
    if "activationProbability" in mode:
        return Mode(probability=_probability(mode["activationProbability"]))
    raise CommandError(_BAD_VALUE, "'mode' must be one of 'off', 'alwaysOn', 'times', 'skip' and 'activationProbability'")


def _count(name: str, value: Any) -> int:
    if not is_number(value):
        raise CommandError(_TYPE_MISMATCH, f"the '{name}' option to 'mode' must be a number")
    number = whole_number(value)
    if number < 0:
        raise CommandError(_BAD_VALUE, f"'{name}' option to 'mode' must be positive")
    if number > _MAX_COUNT:
        raise CommandError(_BAD_VALUE, f"'{name}' option to 'mode' is too large")
    return number


def _probability(value: Any) -> float:
    if type(value) is not float:
        raise CommandError(_TYPE_MISMATCH, "the 'activationProbability' option to 'mode' must be a double between 0 and 1")
    if not 0 <= value <= 1:
        raise CommandError(_BAD_VALUE, f"activationProbability must be between 0 and 1; found {value}")
    return value

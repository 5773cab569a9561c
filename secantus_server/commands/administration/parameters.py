"""getParameter and setParameter.

https://www.mongodb.com/docs/manual/reference/command/getParameter/

This server defines only parameters that drivers and tools read, and parameters that have an effect.
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.log_verbosity import NAME, changed_verbosity
from secantus_server.dispatch.parameters import PARAMETERS, Parameter, apply_verbosity, find_parameter, parameter_value
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError, not_supported

_SELECTOR = a.Arguments("getParameter", {"showDetails": a.boolean(), "allParameters": a.boolean(), "setAt": a.string()}, generic=False)
_NOT_PARAMETERS = frozenset(["getParameter", "setParameter", *a.GENERIC])


@command("getParameter", lenient=True, admin_only=True, privileges=on_cluster("getParameter"))
def get_parameter(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the values of parameters."""
    selector = request.body[request.name]
    options = _SELECTOR.parse(selector) if type(selector) is dict else _SELECTOR.parse({})
    everything = selector == "*" if type(selector) is str else options["allParameters"]
    release = request.services.release
    asked = PARAMETERS if everything else request.body
    names = [name for name in asked if name not in _NOT_PARAMETERS and find_parameter(name, release) is not None]
    if everything:
        names = [name for name in names if _set_at(PARAMETERS[name], options["setAt"])]
    if not names:
        raise CommandError(72, "no option found to get")
    if not options["showDetails"]:
        return {name: parameter_value(request.services, name) for name in names}
    return {name: _details(request.services, name) for name in names}


def _set_at(parameter: Parameter, when: str | None) -> bool:
    if when not in (None, "runtime", "startup"):
        raise CommandError(2, f"Enumeration value '{when}' for field 'getParameter.setAt' is not a valid value.")
    return when is None or (parameter.settable if when == "runtime" else parameter.at_startup)


def _details(services: Services, name: str) -> dict[str, Any]:
    parameter = PARAMETERS[name]
    value = parameter_value(services, name)
    return {"value": value, "settableAtRuntime": parameter.settable, "settableAtStartup": parameter.at_startup}


@command("setParameter", lenient=True, admin_only=True, privileges=on_cluster("setParameter"))
def set_parameter(request: Request, _args: dict[str, Any]) -> Reply:
    """Change parameters."""
    wanted = {name: value for name, value in request.body.items() if name not in _NOT_PARAMETERS}
    if not wanted:
        raise CommandError(72, "no option found to set, use help:true to see options ")
    services = request.services
    changed = {name: _checked(name, value, services) for name, value in wanted.items()}
    # logLevel and the default verbosity in logComponentVerbosity are the same setting, so both parameters change together.
    if NAME in changed:
        changed[NAME] = changed_verbosity(parameter_value(services, NAME), changed[NAME])
        changed["logLevel"] = changed[NAME]["verbosity"]
    elif "logLevel" in changed:
        changed[NAME] = {**parameter_value(services, NAME), "verbosity": changed["logLevel"]}
    reply: Reply = {"was": parameter_value(services, next(iter(wanted)))}
    services.parameters = {**services.parameters, **changed}
    apply_verbosity(services)
    return reply


def _checked(name: str, value: Any, services: Services) -> Any:
    """Check a parameter's value and return it.

    Raises:
        CommandError: 72 for an unknown parameter, 20 for one that cannot be set at runtime, 238, or the error of an invalid value.
    """
    parameter = find_parameter(name, services.release)
    if parameter is None:
        raise CommandError(72, f"attempted to set unrecognized parameter [{name}], use help:true to see options ")
    if not parameter.settable:
        raise CommandError(20, f"not allowed to change [{name}] at runtime")
    if parameter.check is None:
        default = parameter.default(services.settings)
        if type(value) is type(default) and value == default:
            return default
        raise not_supported(f"setting the parameter {name}", "keep its default")
    return parameter.check(f"setParameter.{name}", value)

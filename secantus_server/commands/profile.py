"""profile: the database profiler, which is always off.

https://www.mongodb.com/docs/manual/reference/command/profile/
"""

from __future__ import annotations

from typing import Any

from secantus_server.commands import arguments as a
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request
from secantus_server.errors import CommandError, not_supported

SLOW_MS = 100


@command("profile", {"slowms": a.number(), "sampleRate": a.real(), "filter": a.anything()})
def profile(request: Request, args: dict[str, Any]) -> Reply:
    """Tell the profiler's level."""
    level = a.integer()("profile.profile", request.body[request.name])
    rate = args["sampleRate"]
    if rate is not None and not 0 <= rate <= 1:
        raise CommandError(2, "'sampleRate' must be between 0.0 and 1.0 inclusive")
    if args["filter"] is not None and args["filter"] != "unset" and type(args["filter"]) is not dict:
        raise CommandError(2, "Expected an object, or the string 'unset'.")
    if level in (1, 2) or args["filter"] is not None:
        raise not_supported("the profiler", "use explain, or a command listener of the driver")
    return {"was": 0, "slowms": SLOW_MS, "sampleRate": 1.0}

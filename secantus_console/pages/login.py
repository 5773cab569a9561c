"""The page for logging in to the server. The password is passed to the driver's client and stored nowhere else."""

from __future__ import annotations

from typing import Any, Final

from pymongo.errors import PyMongoError

from secantus_console.errors import InputError
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Moved, Page, posted, shown


def login(call: Call) -> Answer:
    """Show the login form."""
    return _form(call, None)


def _form(call: Call, error: str | None) -> Page:
    data: dict[str, Any] = {"user": call.text("user"), "source": call.text("source", "admin"), "current": call.session.user}
    if error is not None:
        data["error"] = error
    return Page("login.html", "Log in", data, 200 if error is None else 400)


def log_in(call: Call) -> Answer:
    """Log the user in for this browser session."""
    name, password = call.text("user"), call.fields.get("password", "")
    if not name or not password:
        return _form(call, "Give a user and a password.")
    source = call.text("source", "admin")
    try:
        client = call.console.connect(name, password, source)
    except InputError as error:
        return _form(call, str(error))
    try:
        client[source].command("connectionStatus")
    except PyMongoError as error:
        client.close()
        return _form(call, message_of(error))
    previous, call.session.client, call.session.user = call.session.client, client, name
    if previous is not None:
        previous.close()
    return Moved("/", f"Logged in as {name}.")


def log_out(call: Call) -> Answer:
    """Log the user out, and continue as the console's own user."""
    previous, call.session.client, call.session.user = call.session.client, None, None
    if previous is not None:
        previous.close()
    return Moved("/login", "Logged out.")


ROUTES: Final = (shown("/login", login), posted("/login", log_in, writes=False), posted("/logout", log_out, writes=False))

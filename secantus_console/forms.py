"""The parser for the bodies of form requests."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from secantus_console.errors import InputError

#: The maximum length of a body: the maximum document size, with three bytes for each character.
MAX_BYTES: Final = 64 << 20
_TYPE: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """Read and return the fields of a form.

    Raises:
        InputError: the body is too long, or is not a form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != _TYPE:
        raise InputError(f"The request must be a form ({_TYPE}).")
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BYTES:
            raise InputError("The form is too long.")
        pieces.append(piece)
    try:
        # Browsers send line ends as CR LF.
        return {name: value.replace("\r\n", "\n") for name, value in parse_qsl(b"".join(pieces).decode(), keep_blank_values=True)}
    except ValueError:
        raise InputError("The form is not UTF-8.") from None

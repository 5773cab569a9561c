"""Conversion of WiredTiger's error codes to exceptions whose message is a sentence for the user."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from secantus_server.errors import CommandError
from secantus_server.storage.errors import DAMAGED, DISK_FULL, REFUSED, StorageError, disk_full
from secantus_server.storage.tables import NAMES

# WiredTiger's codes, from its header.
_PANIC: Final = -31804
_RUN_RECOVERY: Final = -31806
_CACHE_FULL: Final = -31807
_TRY_SALVAGE: Final = -31809
# Patterns for WiredTiger's messages, which are compiled at the first error: the file that a message names, the prefix of messages, and the
# wording for an unreadable version.
_FILE: Final = r"WiredTiger(?:HS)?\.wt|WiredTiger\.turtle|WiredTigerLog\.\d+|(?:" + "|".join(NAMES) + r")\.wt"
_PREFIX: Final = r"^\[.*?\[ERROR\]: (?:__\w+, \d+: )?"
_VERSION: Final = r"unsupported WiredTiger|incompatible|[Vv]ersion.*(?:minimum|only supports)|(?:minimum|only supports).*version"
_MISSING: Final = (errno.ENOENT, errno.ENOTDIR)
_FAILED_IO, _NO_MEMORY = REFUSED
#: By error number, for failures that do not damage files: the code, the reason for the message, and the advice.
_REFUSALS: Final = {
    errno.EIO: (_FAILED_IO, "an input/output error", "check the disk"),
    errno.ENOMEM: (_NO_MEMORY, "a lack of memory", "free some memory"),
    errno.EMFILE: (_FAILED_IO, "too many open files", "raise the limit of open files"),
    errno.ENFILE: (_FAILED_IO, "too many open files", "raise the limit of open files"),
}


def explain(code: int, cause: int, first: str, detail: str, name: str) -> CommandError:
    """Return the exception for an error code. Its message is one sentence for the user.

    Arguments:
        code: WiredTiger's error code or the operating system's error number.
        cause: the operating system's error number that made WiredTiger stop, or 0.
        first: WiredTiger's first message since the last error.
        detail: WiredTiger's last message.
        name: WiredTiger's name of the code.
    """
    fatal = code in (_PANIC, _RUN_RECOVERY)
    if code == _CACHE_FULL:
        return CommandError(
            14031,
            "The in-memory store is full: nothing more can be written until data is removed; raise the cache size or use a storage path.",
        )
    if code in DISK_FULL:
        return disk_full()
    if code == errno.EBUSY:
        return StorageError("The storage directory is in use by another server.", 98)
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError("The storage directory cannot be written: permission denied.")
    refusal = _refusal(cause if fatal or code == _TRY_SALVAGE else code, fatal=fatal)
    return refusal or _fault(code, first, detail, name, fatal=fatal)


def _refusal(reason: int, *, fatal: bool) -> StorageError | None:
    """Return the exception for an error number of the operating system, or None for any other error."""
    if reason in DISK_FULL:
        return StorageError("The disk is full and the storage engine has stopped: make room and restart the server.", 14031, fatal=True)
    if reason not in _REFUSALS:
        return None
    number, what, advice = _REFUSALS[reason]
    if fatal:
        return StorageError(f"The storage engine has stopped because of {what}: {advice}, and restart the server.", number, fatal=True)
    return StorageError(f"The storage engine has failed because of {what}: {advice}.", number)


def _fault(code: int, first: str, detail: str, name: str, *, fatal: bool) -> StorageError:
    """Return the exception for damaged or missing files, or for an unknown error."""
    if re.search(_VERSION, first) is not None:
        return StorageError(
            "The storage directory was written by another version of the storage engine: use the version of Secantus that wrote it.",
            fatal=fatal,
        )
    file, text = re.search(_FILE, first) or re.search(_FILE, detail), abridge(detail)
    if file is not None:
        # Recovery reports a missing log file as damage, after the message that names it.
        missing = code in _MISSING or os.strerror(errno.ENOENT) in first
        state = "missing from the storage directory" if missing else "damaged"
        where = "" if missing else " in the storage directory"
        return StorageError(f"The file {file[0]}{where} is {state}: restore the directory from a backup.", DAMAGED, fatal=fatal)
    if code in _MISSING:
        return StorageError("The storage directory does not exist and cannot be created.", fatal=fatal)
    if fatal:
        return StorageError(f"The storage engine has stopped after an unrecoverable error; restart the server. ({text})", fatal=True)
    if code == _TRY_SALVAGE:
        return StorageError(f"The storage directory contains damaged files: restore it from a backup. ({text})", DAMAGED)
    what = name.rpartition("WT_")[2].partition(": ")[2] or name
    return StorageError(f"The storage engine reports: {what}. ({text})" if detail else f"The storage engine reports: {what}.")


def abridge(detail: str) -> str:
    """Return WiredTiger's message without its timestamp, thread and source location."""
    return re.sub(_PREFIX, "", detail)[:120]

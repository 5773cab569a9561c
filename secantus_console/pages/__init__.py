"""The pages of the console, one module per subject."""

from __future__ import annotations

from typing import Final

from secantus_console.page import Entry
from secantus_console.pages import (
    access,
    activity,
    aggregation,
    backups,
    collections,
    databases,
    documents,
    editing,
    exports,
    history,
    indexes,
    login,
    monitoring,
    plans,
    schema,
    tests,
    validators,
)

#: All routes except those of sessions.
ROUTES: Final[tuple[Entry, ...]] = (
    *databases.ROUTES,
    *collections.ROUTES,
    *documents.ROUTES,
    *editing.ROUTES,
    *exports.ROUTES,
    *aggregation.ROUTES,
    *plans.ROUTES,
    *schema.ROUTES,
    *indexes.ROUTES,
    *validators.ROUTES,
    *activity.ROUTES,
    *monitoring.ROUTES,
    *history.ROUTES,
    *access.ROUTES,
    *backups.ROUTES,
    *login.ROUTES,
    *tests.ROUTES,
)

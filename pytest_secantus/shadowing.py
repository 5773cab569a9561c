"""The link between pytest's hooks and the package `shadow`, which is imported only if a shadow is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_secantus.guard import guard_of

if TYPE_CHECKING:
    from pytest_secantus.shadow.watch import ShadowWatch


def check_shadow(config: pytest.Config) -> None:
    """Check that the shadow responds. In an xdist worker, do nothing, because a usage error would crash it; the controller checks
    instead.

    Raises:
        pytest.UsageError: the shadow does not respond.
    """
    uri = guard_of(config).worker.options.shadow
    if uri is not None and not config.option.help and not hasattr(config, "workerinput"):
        from pytest_secantus.shadow.client import check_shadow

        check_shadow(uri)


def shadow_of(config: pytest.Config) -> ShadowWatch | None:
    """Return the `ShadowWatch` of this configuration, or None if no shadow is used. Create it on first use."""
    guard = guard_of(config)
    uri = guard.worker.options.shadow
    if uri is None:
        return None
    if SHADOW not in config.stash:
        from pytest_secantus.shadow.watch import ShadowWatch

        shadow = config.stash[SHADOW] = ShadowWatch(guard.worker, uri)
        guard.before_undo.append(shadow.end_test)
    return config.stash[SHADOW]


SHADOW: pytest.StashKey[ShadowWatch] = pytest.StashKey()

"""A mark for slow variants of tests, which only `.ci/nightly` runs (with SECANTUS_TEST_NIGHTLY=yes)."""

from __future__ import annotations

import os

import pytest

nightly = pytest.mark.skipif(os.environ.get("SECANTUS_TEST_NIGHTLY") != "yes", reason="only .ci/nightly runs this variant")

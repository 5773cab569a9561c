"""The ways in which a test ends early. Each has a `kind`, a single word for reports and the self-check."""

from __future__ import annotations

from secantus_conformance.model import Skip


class UsageError(Exception):
    """An error of the user, described in one sentence, which is printed unchanged. The exit code is 2."""


class AssertionFailed(Exception):
    """The server, or the driver on top of it, did not do what the test expects.

    Kinds: result, error, event, log, outcome, assertion, unexpected-error, unexpected-success.
    """

    def __init__(self, kind: str, message: str, expected: str = "", actual: str = "") -> None:
        super().__init__(message)
        self.kind, self.message, self.expected, self.actual = kind, message, expected, actual


class BadTest(Exception):
    """The test file uses something that the format does not define; the runner does not guess.

    Kinds: schema-version, malformed, undefined-entity, entity-type, duplicate-entity, unsupported-operation,
    unsupported-argument, missing-argument, bad-argument.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class SkipTest(Exception):
    """The test cannot run in this environment, which is not a failure."""

    def __init__(self, kind: Skip, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason

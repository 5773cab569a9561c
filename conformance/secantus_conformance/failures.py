"""The exceptions that end a test early. Each has a `kind`, which is a single word for reports and the self-check."""

from __future__ import annotations

from secantus_conformance.model import Skip


class UsageError(Exception):
    """An error by the user. Its one-sentence message is printed unchanged, and the exit code is 2."""


class AssertionFailed(Exception):
    """The error if the server, or the driver that uses it, did not do what the test expects.

    Kinds: result, error, event, log, outcome, assertion, unexpected-error, unexpected-success.
    """

    def __init__(self, kind: str, message: str, expected: str = "", actual: str = "") -> None:
        super().__init__(message)
        self.kind, self.message, self.expected, self.actual = kind, message, expected, actual


class BadTest(Exception):
    """The error if a test file uses something that the format does not define, because the runner must not guess its meaning.

    Kinds: schema-version, malformed, undefined-entity, entity-type, duplicate-entity, unsupported-operation, unsupported-argument,
    missing-argument, bad-argument.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class SkipTest(Exception):
    """The signal that a test cannot run in this environment, which does not count as a failure."""

    def __init__(self, kind: Skip, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason

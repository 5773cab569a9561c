"""The conversion of the exception that a test raises to a verdict."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from pymongo.errors import PyMongoError

from secantus_conformance.failures import AssertionFailed, BadTest, SkipTest
from secantus_conformance.model import Result, TestCase, Verdict
from secantus_conformance.unified.driver_errors import short


def judge(case: TestCase, run: Callable[[], None]) -> Result:
    """Run a test and return its result. Convert every exception to a verdict."""
    start = time.perf_counter()
    verdict, kind, reason, expected, actual = _verdict(run)
    return Result(case.id, case.category, case.group, verdict, kind, reason, expected, actual, time.perf_counter() - start)


def _verdict(run: Callable[[], None]) -> tuple[Verdict, str, str, str, str]:
    try:
        run()
    except SkipTest as skip:
        return Verdict.SKIPPED, skip.kind.value, skip.reason, "", ""
    except AssertionFailed as failure:
        return Verdict.FAILED, failure.kind, failure.message, failure.expected, failure.actual
    except BadTest as bad:
        return Verdict.ERROR, bad.kind, bad.message, "", ""
    except PyMongoError as error:
        said = str(getattr(error, "details", None) or error)
        return Verdict.FAILED, "server", f"{type(error).__name__}: {short(error)}", "no error", said
    except Exception as error:  # noqa: BLE001  (any exception of a test becomes its verdict)
        return Verdict.ERROR, "runner", f"{type(error).__name__}: {error}", "", "".join(traceback.format_exception(error)[-6:])
    return Verdict.PASSED, "", "", "", ""


def ended_early(case: TestCase, verdict: Verdict, kind: str, reason: str, seconds: float) -> Result:
    """Return the result of a test whose worker died or was killed."""
    return Result(case.id, case.category, case.group, verdict, kind, reason, seconds=seconds)

"""The report of a run as one self-contained HTML page. It shows the table, a bar for each category, and the expected and actual value of
every failure.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path

from secantus_conformance.model import Group, Result, Run, Verdict
from secantus_conformance.report.summary import Row, known_reason, rows, skips, total
from secantus_conformance.report.terminal import sentence

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1c2530;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;width:100%}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #e3e8ee}th:first-child,td:first-child{text-align:left}
td.bar{width:16rem}
.track{background:#eef1f5;height:.8rem;display:flex;border-radius:3px;overflow:hidden}
.ok{background:#2e9e5b}.known{background:#e0a92f}.bad{background:#d1433f}tr.sum{font-weight:600}tr.group th{padding-top:1.1rem}
details{border:1px solid #e3e8ee;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}summary{cursor:pointer;overflow-wrap:anywhere}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}pre{background:#f6f8fa;padding:.6rem;overflow:auto;max-height:26rem;
font-size:12.5px}
.verdict{font-size:.75rem;color:#fff;background:#d1433f;border-radius:3px;padding:.05rem .4rem;margin-right:.5rem}
.legend span{display:inline-block;width:.8rem;height:.8rem;border-radius:3px;margin:0 .35rem 0 .8rem}
.verdict.known{background:#b98412}p.reason{color:#51606f;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#14191f;color:#dde4ec}
th,td,details{border-color:#2c3540}pre{background:#1c232b}.track{background:#2c3540}}
"""
_LEGEND = (
    '<p class="legend"><span class="ok"></span>passed <span class="known"></span>known difference: a feature is missing '
    '<span class="bad"></span>not passed</p>'
)
# The number of failures shown expanded.
_MAX_OPEN = 20
_HEAD = ("category", "", "passed", "eligible", "share", "known", "not passed", "skipped", "passed for free")


def write_html(run: Run, path: Path, free: frozenset[str] = frozenset()) -> None:
    """Write the HTML page. `free` contains the tests that also pass against a server that does nothing."""
    parts = [
        f"<h1>{escape(run.title)}</h1>",
        f"<p>{escape(_subject(run))}</p><p><strong>{escape(sentence(run))}</strong></p>",
        _LEGEND,
        _table(run, free),
        *(f"<p>{escape(note)}</p>" for note in run.notes),
        _failures(run.bad),
        _known(run),
        _skips(run),
    ]
    path.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(run.title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n",
        encoding="utf-8",
    )


def _subject(run: Run) -> str:
    suite = f"{run.suite.get('name', '')} {run.suite.get('version', '')}"
    return f"{suite} against {run.server.get('product', 'a server')} ({run.server.get('topology', '')})"


def _table(run: Run, free: frozenset[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in (_HEAD if free else _HEAD[:-1]))
    body = []
    for group, members in groupby(rows(run.results, free), key=lambda row: row.group):
        block = list(members)
        body.append(f'<tr class="group"><th colspan="{len(_HEAD)}">{escape(group.value)}</th></tr>')
        body += [_row(row, row.category, bool(free)) for row in block]
        body.append(_row(total(block, "", group), f"all of {group.value}", bool(free), "sum"))
    body.append(_row(total(rows(run.results, free), "", Group.SERVER), "all", bool(free), "sum"))
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _row(row: Row, label: str, with_free: bool, style: str = "") -> str:
    known = row.counts[Verdict.KNOWN]
    numbers = [row.passed, row.eligible, row.share, known, row.bad, row.counts[Verdict.SKIPPED], *([row.free] if with_free else [])]
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr class="{style}"><td>{escape(label)}</td><td class="bar">{_bar(row.passed, known, row.bad)}</td>{cells}</tr>'


def _bar(passed: int, known: int, bad: int) -> str:
    whole = max(1, passed + known + bad)
    spans = (("ok", passed), ("known", known), ("bad", bad))
    said = f"{passed} passed, {known} known differences, {bad} not passed"
    parts = "".join(f'<span class="{name}" style="width:{100 * count / whole:.2f}%"></span>' for name, count in spans if count)
    return f'<div class="track" role="img" aria-label="{said}" title="{said}">{parts}</div>'


def _failures(results: list[Result]) -> str:
    if not results:
        return ""
    return f"<h2>Not passed ({len(results)})</h2>" + "".join(_failure(result, len(results) <= _MAX_OPEN) for result in results)


def _known(run: Run) -> str:
    """Render the known differences, grouped by missing feature, because one feature can have hundreds of them."""
    results = sorted((result for result in run.results if result.verdict is Verdict.KNOWN), key=known_reason)
    if not results:
        return ""
    folds = []
    for reason, members in groupby(results, key=known_reason):
        block = list(members)
        inside = "".join(_failure(result, False) for result in block)
        folds.append(f"<details><summary>{escape(reason)}: {len(block)}</summary>{inside}</details>")
    return f"<h2>Known differences ({len(results)})</h2>" + "".join(folds)


def _failure(result: Result, is_open: bool) -> str:
    style = " known" if result.verdict is Verdict.KNOWN else ""
    sides = ""
    if result.expected or result.actual:
        sides = (
            f'<div class="sides"><div>expected<pre>{escape(result.expected)}</pre></div>'
            f"<div>actual<pre>{escape(result.actual)}</pre></div></div>"
        )
    head = f'<span class="verdict{style}">{result.verdict.value}</span>{escape(result.id)}'
    return f'<details{" open" if is_open else ""}><summary>{head}</summary><p class="reason">{escape(result.reason)}</p>{sides}</details>'


def _skips(run: Run) -> str:
    lines = "".join(f"<tr><td>{escape(kind)}: {escape(reason)}</td><td>{count}</td></tr>" for kind, reason, count in skips(run))
    return f"<h2>Skipped</h2><table>{lines}</table>" if lines else ""

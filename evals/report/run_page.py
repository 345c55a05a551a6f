"""The page of one run: metrics, plots, confusions, worst and slowest cases, and what it was measured on."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from evals.confusion import confusions, slowest, worst
from evals.metrics.calibration_error import bins
from evals.metrics.decision_recall import MET_BY
from evals.metrics.metric import encode
from evals.metrics.risk_coverage import curve
from evals.report import charts
from evals.report.page import card, facts, figure, number, page, receipt, said, section, table
from evals.tasks.answers import certainty, first_right
from evals.types import Case, Json, Results

WORST, SLOWEST, PAIRS = 300, 30, 40  # rows of each table
CLASSES = 14  # of the confusion matrix: those that are confused most


def render(results: Results) -> str:
    """The whole page."""
    wrong = sum(case.correct is False for case in results.cases)
    head = (
        f"<header><h1>{escape(results.suite)}</h1><p>{results.n:,} cases · {wrong:,} wrong · "
        f"<code>{escape(str(results.data.get('path')))}</code></p></header>"
    )
    return page(
        f"kefu eval {results.suite}",
        [
            head,
            *(f'<p class="notice">{escape(text)}</p>' for text in _warnings(results)),
            _cards(results),
            section("By group", _groups(results)),
            section("Plots", _plots(results)),
            section("Confusions", _confusions(results)),
            section("Wrong cases", _worst(results), note="those with the highest confidence first"),
            section("Slowest cases", _slowest(results)),
            section("Measured on", facts(_about(results))),
        ],
    )


def write(results: Results, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(results), encoding="utf-8")


def _warnings(results: Results) -> list[str]:
    found = results.config.get("warnings")
    return [str(text) for text in found] if isinstance(found, list | tuple) else []


def _cards(results: Results) -> str:
    cards = (card(name, e) for name, e in results.metrics.items() if "/" not in name)
    return f'<div class="cards">{"".join(cards)}</div>'


def _groups(results: Results) -> str:
    """A row for each group, a column for each metric, with the interval below the value."""
    grouped = [name.split("/", 1) for name in results.metrics if "/" in name]
    held = {name for name, _ in grouped}
    names = [name for name in results.metrics if name in held]  # in the order of the whole
    groups = list(dict.fromkeys(group for _, group in grouped))
    rows = []
    for group in groups:
        found = [results.metrics.get(f"{name}/{group}") for name in names]
        cells = [
            f"{e.value:.3f}<br><small>{number(e.low, '.3f')}–{number(e.high, '.3f')}</small>"
            if e is not None and e.value is not None
            else "–"
            for e in found
        ]
        rows.append([escape(group), *cells])
    return table(["group", *(f"#{name}" for name in names)], rows)


def _plots(results: Results) -> str:
    plots = [*_confidence_plots(results)]
    matrix = _matrix(results)
    if matrix:
        plots.append(matrix)
    times = [case.ms for case in results.cases if case.ms is not None]
    if times:
        abreast = results.config.get("dialogs_abreast")
        waits = f"{abreast} dialogs at a time, their waiting for each other included"
        note = waits if abreast else "each case's share of the batch that it was run in"
        plots.append(figure("Latency", note, charts.latency(times)))
    return f'<div class="plots">{"".join(plots)}</div>' if plots else ""


def _confidence_plots(results: Results) -> list[str]:
    rows = [row for case in results.cases if (row := _certainty(results.suite, case)) is not None]
    if not rows:
        return []
    encoded = encode([(confidence, float(right)) for confidence, right in rows])
    risk = charts.risk_coverage(curve(encoded), at=_in_use(results))
    return [
        figure("Risk and coverage", "if only the surest were answered, how many would be wrong", risk),
        figure(
            "Reliability",
            "bars: how often it was right; red: the gap to its confidence",
            charts.reliability(bins(encoded)),
        ),
    ]


def _certainty(suite: str, case: Case) -> tuple[float, bool] | None:
    """Confidence and whether what it speaks of is right."""
    if suite in ("answers", "dialogs"):
        return certainty(case)
    if case.confidence is None or (case.correct is None and suite != "retrieval"):
        return None
    best = case.facts.get("best")  # of a classifier: its confidence is in this class, whether it was rejected or not
    return case.confidence, bool(case.correct) if best is None else best == case.expected


def _in_use(results: Results) -> tuple[float, float] | None:
    """Coverage and risk of the decisions as they were made, over the same questions as the curve."""
    if results.suite not in ("answers", "dialogs"):
        return None
    questions = [case for case in results.cases if certainty(case) is not None]
    answered = [case for case in questions if case.got == "answer"]
    if not answered:
        return None
    return len(answered) / len(questions), sum(not first_right(case) for case in answered) / len(answered)


def _matrix(results: Results) -> str:
    if results.suite in ("retrieval", "spelling"):
        return ""
    n = Counter((str(case.expected), str(case.got)) for case in results.cases)
    rows, columns = (sorted({pair[i] for pair in n}) for i in (0, 1))
    note = "rows expected, columns got"
    if max(len(rows), len(columns)) > CLASSES:
        weight: Counter[str] = Counter()
        for pair in confusions(results.cases):
            weight.update({pair.expected: pair.n, pair.got: pair.n})
        rows = columns = sorted(label for label, _ in weight.most_common(CLASSES))
        note += f"; the {CLASSES} classes confused most"
    if not rows:
        return ""
    return figure("Confusion matrix", note, charts.confusion(rows, columns, n, _meets))


def _meets(expected: str, got: str) -> bool:
    """Whether a label, or a decision, is what was expected."""
    return expected == got or got in MET_BY.get(expected, ())


def _confusions(results: Results) -> str:
    if results.suite in ("retrieval", "spelling"):
        return ""
    rows = [
        [escape(c.expected), escape(c.got), str(c.n), f"{c.n / c.of:.1%}", "<br>".join(escape(q) for q in c.examples)]
        for c in confusions(results.cases)[:PAIRS]
    ]
    return table(["expected", "got", "#cases", "#of its class", "for example"], rows)


def _worst(results: Results) -> str:
    rows = [_row(case) for case in worst(results.cases)[:WORST]]
    if not rows:
        return ""
    box = '<input type="search" data-filter="wrong" placeholder="Filter by any text" aria-label="Filter wrong cases">'
    return box + table(["query", "expected", "got", "#confidence", "#ms", ""], rows, key="wrong")


def _slowest(results: Results) -> str:
    return table(
        ["query", "expected", "got", "#confidence", "#ms", ""], [_row(c) for c in slowest(results.cases)[:SLOWEST]]
    )


def _row(case: Case) -> list[str]:
    group = f' <span class="tag">{escape(case.group)}</span>' if case.group else ""
    return [
        escape(case.query) + group,
        said(case.expected) + _ids(case, case.relevant_ids),
        said(case.got) + _ids(case, case.top_ids),
        number(case.confidence, ".3f"),
        number(case.ms, ".1f"),
        receipt(case),
    ]


def _ids(case: Case, ids: Sequence[str]) -> str:
    """The entries beside a decision; a ranking shows them already."""
    if isinstance(case.expected, tuple) or not ids:
        return ""
    return "<br>" + said(tuple(ids))


def _about(results: Results) -> dict[str, Json]:
    config = {key: value for key, value in results.config.items() if key != "warnings"}
    return {"data": results.data.get("path"), "sha256 of the data": results.data.get("sha256"), **config}

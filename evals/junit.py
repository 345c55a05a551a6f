"""The results as a JUnit XML file, which CI systems show: one test case a case, a wrong one is a failure."""

import re
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from evals.types import Case, Results

# What XML 1.0 does not allow at all, escaped or not (section 2.2, production 2).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def dumps(results: Results) -> str:
    """The XML; the suite's metrics are its properties."""
    wrong = sum(case.correct is False for case in results.cases)
    skipped = sum(case.correct is None for case in results.cases)
    seconds = sum(case.ms or 0.0 for case in results.cases) / 1000
    counts = f'tests="{results.n}" failures="{wrong}" errors="0" skipped="{skipped}" time="{seconds:.3f}"'
    name = _attribute(f"kefu eval {results.suite}")
    properties = [
        f"   <property name={_attribute(key)} value={_attribute(f'{e.value:.6g}')}/>"
        for key, e in results.metrics.items()
        if e.value is not None
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites name={name} {counts}>",
            f" <testsuite name={name} {counts}>",
            *(["  <properties>", *properties, "  </properties>"] if properties else []),
            *(_case(results.suite, case) for case in results.cases),
            " </testsuite>",
            "</testsuites>",
            "",
        ]
    )


def write(results: Results, path: Path) -> None:
    """Write the XML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(results), encoding="utf-8")


def _case(suite: str, case: Case) -> str:
    classname = f"kefu.{suite}.{case.group}" if case.group else f"kefu.{suite}"
    head = (
        f"  <testcase classname={_attribute(classname)} name={_attribute(f'{case.id}: {case.query}')}"
        f' time="{(case.ms or 0.0) / 1000:.6f}"'
    )
    if case.correct is None:
        return f'{head}><skipped message="nothing to hold it against"/></testcase>'
    if case.correct:
        return f"{head}/>"
    message = f"expected {shown(case.expected)}, got {shown(case.got)}"
    ranked = f"\ntop: {', '.join(case.top_ids)}" if case.top_ids else ""
    sure = "" if case.confidence is None else f"\nconfidence: {case.confidence:.4f}"
    body = escape(_allowed(f"query: {case.query}{sure}{ranked}"))
    return f'{head}><failure type="wrong" message={_attribute(message)}>{body}</failure></testcase>'


def shown(said: str | tuple[str, ...]) -> str:
    """A label or entry ids as a person reads them."""
    if isinstance(said, str):
        return said
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "") if said else "nothing"


def first(said: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """A label as it is; of entry ids the first alone."""
    return said if isinstance(said, str) else said[:1]


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("", text)

"""The pieces that both pages are made of; every text that comes from outside is escaped here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from evals.metrics.estimate import Estimate
from evals.report.style import CSS, SCRIPT
from evals.types import Case, Json


def page(title: str, body: Iterable[str]) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + f"\n</main><script>{SCRIPT}</script></body></html>\n"
    )


def section(title: str, content: str, *, note: str = "") -> str:
    """A heading with what it heads; nothing where there is nothing."""
    small = f" <small>{escape(note)}</small>" if note else ""
    return f"<h2>{escape(title)}{small}</h2>\n{content}" if content else ""


def card(name: str, estimate: Estimate) -> str:
    """A metric with its interval, drawn on a scale from 0 to 1."""
    head = f"<h3>{escape(name)}</h3>"
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f'<div class="card">{head}<b class="none">unscored</b><p>the data have no case for it</p></div>'
    left, width = 100 * _clip(estimate.low), 100 * (_clip(estimate.high) - _clip(estimate.low))
    bar = (
        f'<div class="span"><i style="left:{left:.2f}%;width:{width:.2f}%"></i>'
        f'<u style="left:{100 * _clip(estimate.value):.2f}%"></u></div>'
    )
    foot = f"<p>{estimate.low:.4f} – {estimate.high:.4f} · n = {estimate.n:,}</p>"
    return f'<div class="card">{head}<b>{estimate.value:.4f}</b>{bar}{foot}</div>'


def figure(title: str, note: str, svg: str) -> str:
    """A chart in its panel."""
    return f'<figure class="panel"><figcaption>{escape(title)}<small>{escape(note)}</small></figcaption>{svg}</figure>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, key: str = "") -> str:
    """A table; cells are HTML already. A column whose heading starts with "#" holds numbers."""
    body = list(rows)
    if not body:
        return ""
    kinds = [_kind(name) for name in head]
    top = "".join(f"<th{kind}>{escape(name.removeprefix('#'))}</th>" for name, kind in zip(head, kinds, strict=True))
    lines = (
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in body
    )
    name = f' id="{escape(key)}"' if key else ""
    return f'<div class="panel"><table{name}><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def said(value: str | tuple[str, ...], *, limit: int = 3) -> str:
    """A label or entry ids."""
    if isinstance(value, str):
        return escape(value) if value else '<span class="soft">nothing</span>'
    if not value:
        return '<span class="soft">nothing</span>'
    more = f' <span class="soft">+{len(value) - limit}</span>' if len(value) > limit else ""
    return "<br>".join(f"<code>{escape(key)}</code>" for key in value[:limit]) + more


def receipt(case: Case) -> str:
    """The receipt, folded."""
    if case.receipt is None:
        return ""
    text = json.dumps(case.receipt, ensure_ascii=False, indent=1, default=str)
    return f"<details><summary>receipt</summary><pre>{escape(text)}</pre></details>"


def facts(values: Mapping[str, Json]) -> str:
    """Names and values, for the configuration."""
    items = "".join(f"<dt>{escape(key)}</dt><dd>{_value(value)}</dd>" for key, value in values.items())
    return f'<div class="panel"><dl>{items}</dl></div>' if items else ""


def number(value: float | None, form: str = ".4f") -> str:
    """A number, or a dash for none."""
    return "–" if value is None else format(value, form)


def _kind(heading: str) -> str:
    """The class of a column's cells."""
    if heading.startswith("#"):
        return ' class="n"'
    return {"query": ' class="q"', "group": "", "metric": ""}.get(heading, ' class="w"')


def _value(value: Json) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"<code>{escape(json.dumps(value, ensure_ascii=False, default=str))}</code>"


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))

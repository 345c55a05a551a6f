"""Charts as inline SVG, coloured by the page's style sheet so that they follow light and dark."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from evals.metrics.calibration_error import Bin
from evals.metrics.risk_coverage import Curve

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 38
_W, _H = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def risk_coverage(curve: Curve, *, at: tuple[float, float] | None = None) -> str:
    """Risk over coverage; `at` is the (coverage, risk) of the thresholds in use."""
    top = _nice(max([*curve.risk, at[1] if at else 0.0, 0.05]))
    points = [(_x(c), _y(r / top)) for c, r in zip(curve.coverage, curve.risk, strict=True)]
    parts = [_frame(x_label="coverage: share of questions answered", y_label="risk: wrong among them", y_top=top)]
    if points:
        # Flat to the left of the first point: nobody is answered at a higher threshold.
        path = " ".join(f"L{x:.1f} {y:.1f}" for x, y in points)
        parts.append(
            f'<path class="area" d="M{points[0][0]:.1f} {_y(0):.1f} {path} L{points[-1][0]:.1f} {_y(0):.1f}Z"/>'
        )
        parts.append(f'<path class="line" d="M{path[1:]}"/>')
    if at is not None:
        x, y = _x(at[0]), _y(at[1] / top)
        anchor, shift = ("end", -8) if at[0] > 0.5 else ("start", 8)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0):.1f}" y2="{_y(1):.1f}"/>')
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        note = f"in use: {at[0]:.0%} answered, {at[1]:.1%} of them wrong"
        parts.append(
            f'<text class="note" x="{x + shift:.1f}" y="{_y(1) + 12:.1f}" text-anchor="{anchor}">{note}</text>'
        )
    return _svg(parts, "Risk-coverage curve")


def reliability(bins: Sequence[Bin]) -> str:
    """How often the system is right at each confidence; a perfect one lies on the diagonal."""
    parts = [_frame(x_label="confidence", y_label="share that is right", y_top=1.0)]
    most = max([b.n for b in bins], default=0)
    for b in (b for b in bins if b.n):
        x, width = _x(b.low) + 3, _W / len(bins) - 6
        height = _y(0) - _y(b.right)
        top, bottom = sorted((_y(b.right), _y(b.confidence)))
        title = f"{b.n} cases, confidence {b.confidence:.2f}, right {b.right:.2f}"
        parts.append(
            f'<g><title>{title}</title><rect class="bar" style="opacity:{0.25 + 0.65 * b.n / most:.2f}" x="{x:.1f}" '
            f'y="{_y(b.right):.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'
            f'<rect class="gap" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}"/></g>'
        )
        parts.append(
            f'<text class="count" x="{x + width / 2:.1f}" y="{_y(0) - 5:.1f}" text-anchor="middle">{b.n}</text>'
        )
    parts.append(f'<line class="ideal" x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}"/>')
    return _svg(parts, "Reliability diagram")


def latency(ms: Sequence[float]) -> str:
    """How long cases took, up to the 99th percentile; marks at the median and the 95th."""
    times = sorted(ms)
    end = _nice(max(_quantile(times, 0.99), 1e-3))
    n_bins = 40
    counts = [0] * n_bins
    for t in times:
        counts[min(n_bins - 1, int(t / end * n_bins))] += 1
    most = _nice(max(counts))
    parts = [
        _frame(x_label="milliseconds (the last bar holds all that took longer)", y_label="cases", y_top=most, x_top=end)
    ]
    for i, count in enumerate(counts):
        height = count / most * _H
        parts.append(
            f'<rect class="bar" x="{LEFT + i * _W / n_bins + 0.75:.1f}" y="{_y(0) - height:.1f}" '
            f'width="{_W / n_bins - 1.5:.1f}" height="{height:.1f}" rx="1.5"/>'
        )
    for row, (name, q) in enumerate((("p50", 0.5), ("p95", 0.95))):
        value = _quantile(times, q)
        x = _x(min(1.0, value / end))
        anchor, shift = ("end", -6) if value / end > 0.6 else ("start", 6)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0):.1f}" y2="{_y(1):.1f}"/>')
        label = f"{name} {value:.3g} ms"
        y = _y(1) + 12 + 15 * row
        parts.append(f'<text class="note" x="{x + shift:.1f}" y="{y:.1f}" text-anchor="{anchor}">{label}</text>')
    return _svg(parts, "Latency histogram")


def confusion(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Mapping[tuple[str, str], int],
    right: Callable[[str, str], bool],
) -> str:
    """A confusion matrix: rows expected, columns got, shaded by the share of the row, red where it is not right."""
    side = min(44.0, 420 / max(1, len(rows), len(columns)))
    margin = 150.0
    parts = []
    for i, expected in enumerate(rows):
        total = sum(counts.get((expected, got), 0) for got in columns) or 1
        y = 8 + i * side
        name = escape(_short(expected, 22))
        parts.append(f'<text x="{margin - 8:.1f}" y="{y + side / 2 + 4:.1f}" text-anchor="end">{name}</text>')
        for j, got in enumerate(columns):
            n = counts.get((expected, got), 0)
            kind = "cell" if right(expected, got) else "cell off"
            parts.append(_cell(margin + j * side, y, side, kind, n, n / total, f"{expected} → {got}: {n}"))
    base = 8 + len(rows) * side + 10
    for j, label in enumerate(columns):
        x = margin + (j + 0.5) * side
        name = escape(_short(label, 16))
        parts.append(f'<text transform="translate({x + 4:.1f} {base:.1f}) rotate(-50)" text-anchor="end">{name}</text>')
    width, height = margin + side * len(columns) + 14, side * len(rows) + 118
    return _svg(parts, "Confusion matrix, rows expected, columns got", width=width, height=height)


def _cell(x: float, y: float, side: float, kind: str, n: int, part: float, what: str) -> str:
    shade = 0.05 + 0.7 * part if n else 0.04
    box = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{side - 2:.1f}" height="{side - 2:.1f}" rx="3"'
    middle = f'x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}"'
    count = f'<text class="count" {middle} text-anchor="middle">{n}</text>' if n and side >= 18 else ""
    return f'<g><title>{escape(what)}</title><rect class="{kind}" style="opacity:{shade:.2f}" {box}/>{count}</g>'


def _frame(*, x_label: str, y_label: str, y_top: float, x_top: float = 1.0) -> str:
    """Grid, ticks and names of the axes."""
    parts = []
    for i in range(5):
        y, x = _y(i / 4), _x(i / 4)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{y_top * i / 4:.4g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x_top * i / 4:.4g}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(0):.1f}" y2="{_y(0):.1f}"/>')
    parts.append(f'<text x="{LEFT + _W / 2:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>')
    middle = TOP + _H / 2
    parts.append(
        f'<text transform="translate(11 {middle:.1f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _svg(parts: Sequence[str], label: str, *, width: float = WIDTH, height: float = HEIGHT) -> str:
    box = f"0 0 {width:.0f} {height:.0f}"
    limit = f' style="max-width:{width:.0f}px"'
    return f'<svg viewBox="{box}"{limit} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _x(share: float) -> float:
    return LEFT + share * _W


def _y(share: float) -> float:
    return TOP + (1 - share) * _H


def _nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 times a power of ten, so that quarters of an axis are plain numbers."""
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 <= value:
        power *= 10
    return next((m * power for m in (1, 2, 4, 5, 8) if m * power >= value * (1 - 1e-9)), 10 * power)


def _quantile(times: Sequence[float], q: float) -> float:
    return times[min(len(times) - 1, int(q * len(times)))]


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

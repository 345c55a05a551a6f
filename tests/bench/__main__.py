"""`make bench`: run every benchmark in a process of its own, keep the figures, draw the plots of docs/PERFORMANCE.md.

    python -m tests.bench [--quick]

Figures go to docs/bench/NAME.json, plots to docs/bench/*.svg. `--quick` leaves out the sizes that take longest.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "bench"


def main() -> int:
    """Run the benchmarks one after the other; a failing one does not keep the others from running."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    OUT.mkdir(parents=True, exist_ok=True)
    runs = {
        "encoder": ["bench_encoder.py"],
        "reply": ["bench_reply.py", "--sizes", "1000,10000" if quick else "1000,10000,100000"],
        "index": ["bench_index.py", "--count", "100000" if quick else "1000000"],
        "ingest": ["bench_ingest.py", "--entries", "1000" if quick else "10000"],
        "ingest_large": ["bench_ingest.py", "--fast", "--entries", "10000" if quick else "100000"],
        "pdf": ["bench_pdf.py"],
        "spelling": ["bench_spelling.py"],
        "log": ["bench_log.py"],
        "frames": ["bench_frames.py"],
        "cached_reply": ["bench_cached_reply.py"],
        "idle": ["bench_idle.py", "--sessions", "3000" if quick else "15000"],
        "console_list": ["bench_console_list.py", "--conversations", "2000" if quick else "10000"],
        "handoffs": ["bench_handoffs.py", "--seconds", "20" if quick else "60"],
        "chat_load": ["bench_chat_load.py", "--users", "100,300" if quick else "100,300,1000"],
    }
    failed = [name for name, command in runs.items() if not _run(name, command)]
    _plot()
    for name in failed:
        sys.stderr.write(f"failed: {name}\n")
    return len(failed)


def _run(name: str, command: list[str]) -> bool:
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    script, *options = command
    takes_json = "--json" in (ROOT / "tests" / "bench" / script).read_text("utf-8")
    keep = ["--json", str(OUT / f"{name}.json")] if takes_json else []
    arguments = [sys.executable, f"tests/bench/{script}", *options, *keep]
    return subprocess.run(arguments, cwd=ROOT, env=_environment(), check=False).returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _plot() -> None:
    import matplotlib as mpl

    mpl.use("svg")
    if (OUT / "reply.json").exists():
        _latency_over_size(json.loads((OUT / "reply.json").read_text("utf-8")))
    if (OUT / "encoder.json").exists():
        _throughput_over_batch(json.loads((OUT / "encoder.json").read_text("utf-8"))["throughput"])


def _latency_over_size(rows: list[dict[str, Any]]) -> None:
    sizes = [row["entries"] for row in rows]
    lines = {"whole uncached reply": "uncached_p50_ms", "encoder and dense search alone": "floor_p50_ms"}
    figure, axes = _axes("Latency over size", "entries", "median, ms")
    for label, column in lines.items():
        axes.plot(sizes, [row[column] for row in rows], marker="o", label=label)
    _save(figure, axes, "latency_over_size")


def _throughput_over_batch(rows: list[dict[str, Any]]) -> None:
    figure, axes = _axes("Throughput over batch, bundled encoder", "texts in a call", "short texts / CPU second")
    for language in ("zh", "en"):
        some = [row for row in rows if row["language"] == language]
        axes.plot([row["batch"] for row in some], [row["bundled"] for row in some], marker="o", label=language)
    _save(figure, axes, "throughput_over_batch")


def _axes(title: str, x: str, y: str) -> tuple[Any, Any]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.set(xscale="log", xlabel=x, ylabel=y, title=title)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Any, axes: Any, name: str) -> None:
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(OUT / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    raise SystemExit(main())

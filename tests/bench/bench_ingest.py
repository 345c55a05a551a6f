"""Ingest: texts embedded per second, the share of the time that is embedding, and what a nightly re-ingest costs.

    python tests/bench/bench_ingest.py [--entries 10000] [--changed 0.01] [--fast] [--json OUT]

Entries are the sample shop's questions, each naming another article, with answers as short; all texts are distinct, so
no vector is found twice. Then a share of the answers is changed and the file read again, then it is read again
unchanged. At last the file changes once more, and a process of its own ingests it while this one encodes and searches:
the 99th percentile of that beside the same without the ingest. One model thread.

`--fast` puts a stand-in of the same width in the encoder's place, which gives clustered vectors at 30,000 texts a
second: what is left is the cost and the memory of everything else, also at sizes that take an hour to encode. The
encoder itself is then timed on a sample, and the share of embedding is computed from that rate.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from time import perf_counter, process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from engine import assemble, settings
from engine.pipeline import Models
from engine.settings import Settings
from ingest.assemble import open_indexer, open_publisher
from ingest.index import Indexer
from ingest.limits import Limits
from ingest.records import Record
from ingest.report import IngestReport
from ingest.sources.document import ReadOptions
from ingest.sources.reading import read_all
from models.protocols import Encoder, FloatMatrix

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = (ROOT / "ingest" / "samples" / "shop_en.jsonl", ROOT / "ingest" / "samples" / "shop_zh.csv")
_ANSWERS = ("See page {n} of the guide.", "请看指南第{n}页。")
_KB = "bench"
_TIMED = 640  # texts that the real encoder is timed on


class FastEncoder:
    """Stands in for an encoder: texts that begin alike get vectors that are alike."""

    def __init__(self, like: Encoder) -> None:
        """Take the encoder whose place it takes."""
        self.name, self.version, self.dim = f"fast-{like.name}", f"fast-{like.version}", like.dim
        rng = np.random.default_rng(5)
        self._centres = rng.standard_normal((512, like.dim), dtype=np.float32)
        self._noise = rng.standard_normal((4096, like.dim), dtype=np.float32)

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Give (len(texts), dim) rows of norm 1."""
        centres = [zlib.crc32(text[:10].encode()) % len(self._centres) for text in texts]
        codes = [zlib.crc32(text.encode()) for text in texts]
        rows = [np.array([code >> shift for code in codes]) % len(self._noise) for shift in (0, 9, 18)]
        noise = self._noise[rows[0]] + self._noise[rows[1]] - self._noise[rows[2]]
        vectors: FloatMatrix = self._centres[centres] + np.float32(0.4) * noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ingest, measured."""

    report: IngestReport
    wall_s: float
    cpu_s: float  # of this process: what is left when other programs share the machine
    stage_s: dict[str, float]
    peak_rss_mb: int  # of this process so far

    def figures(self) -> dict[str, object]:
        """Give what is shown."""
        report = self.report
        return {
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "changed": report.changed,
            "unchanged": report.unchanged,
            "embedded": report.embedded,
            "reused": report.reused,
            "embedding_s": round(report.embedding_seconds, 2),
            "embedding_share": round(report.embedding_seconds / self.wall_s, 3),
            "texts_per_s": round(report.texts_per_s, 1) if report.embedding_seconds else None,
            "stage_cpu_s": {stage: round(seconds, 2) for stage, seconds in self.stage_s.items()},
            "peak_rss_mb": self.peak_rss_mb,
        }


def write_file(path: Path, entries: int, changed: set[int], *, mark: str = "") -> None:
    """Write a CSV of distinct short entries; those in `changed` have another answer."""
    questions = [
        item.question for item in read_all(SAMPLES, ReadOptions(limits=Limits(), zone=UTC)) if isinstance(item, Record)
    ]
    short = [question for question in questions if len(question) <= 40]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "question", "answer"])
        for number in range(entries):
            question = short[number % len(short)]
            answer = _ANSWERS[not question.isascii()].format(n=number)
            rows.writerow([f"e{number}", f"{question} ({number})", f"{answer}{mark if number in changed else ''}"])


def timed(ingest: Callable[[Callable[[str, int, int], None]], IngestReport]) -> Run:
    """Measure one ingest and the processor time of each of its stages."""
    stages: dict[str, float] = {}
    last = ["start", process_time()]

    def progress(stage: str, done: int, total: int) -> None:
        now = process_time()
        name, since = str(last[0]), float(last[1])
        stages[name] = stages.get(name, 0.0) + now - since
        last[:] = [stage, now]

    start, cpu = perf_counter(), process_time()
    report = ingest(progress)
    progress("end", 0, 0)
    return Run(
        report=report,
        wall_s=perf_counter() - start,
        cpu_s=process_time() - cpu,
        stage_s=stages,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    )


def run_ingest(indexer: Indexer, path: Path) -> Run:
    """Ingest a file into the base of this bench."""
    return timed(lambda progress: indexer.ingest([path], kb=_KB, progress=progress))


def answers_while_publishing(configured: Settings, models: Models, path: Path) -> dict[str, object]:
    """Encode and search in this process, first alone, then while another process ingests the file."""
    with open_publisher(configured) as publisher:
        live = publisher.catalog.live_version("default", _KB)
        assert live is not None
        snapshot = publisher.open("default", _KB, live)
    asked = [f"Where is parcel number {number}?" for number in range(400)]

    def answer(text: str) -> float:
        start = perf_counter()
        snapshot.store.search(snapshot.centring.apply(models.encoder.encode([text])), k=10)
        return (perf_counter() - start) * 1000

    quiet = [answer(text) for text in asked]
    command = [sys.executable, "-m", "kefu", "ingest", str(path), "--kb", _KB, "--home", str(configured.home)]
    environment = {**os.environ, "KEFU_MODELS": str(configured.models_folder)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        busy: list[float] = []
        while process.poll() is None:
            busy.append(answer(asked[len(busy) % len(asked)]))
    return {
        "exit_code": process.returncode,
        "answers_during": len(busy),
        "quiet_p50_ms": round(float(np.percentile(quiet, 50)), 2),
        "quiet_p99_ms": round(float(np.percentile(quiet, 99)), 2),
        "publishing_p50_ms": round(float(np.percentile(busy, 50)), 2),
        "publishing_p99_ms": round(float(np.percentile(busy, 99)), 2),
    }


def index_mb(configured: Settings) -> int:
    """Give the size of the live version on disk."""
    with open_publisher(configured) as publisher:
        live = publisher.catalog.live_version("default", _KB)
        folder = publisher.layout.version("default", _KB, live or "")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20


def embedding_share(fresh: Run, encoder: Encoder, path: Path) -> dict[str, object]:
    """Time the real encoder on some of the texts, and compute the share of embedding in the whole ingest."""
    rows = path.read_text("utf-8").splitlines()[1:]
    texts = [row.split(",", 2)[1] for row in rows[:: max(1, len(rows) // _TIMED)]][:_TIMED]
    start = process_time()
    for first in range(0, len(texts), 32):
        encoder.encode(texts[first : first + 32])
    rate = len(texts) / (process_time() - start)
    embedding_s = fresh.report.embedded / rate
    rest_s = fresh.cpu_s - fresh.stage_s.get("encode", 0.0)
    return {
        "encoder": encoder.name,
        "questions_per_cpu_s": round(rate, 1),  # answers behind their questions are longer and take longer
        "embedding_cpu_s": round(embedding_s, 1),
        "everything_else_cpu_s": round(rest_s, 1),
        "embedding_share": round(embedding_s / (embedding_s + rest_s), 3),
    }


def run(
    configured: Settings, models: Models, folder: Path, entries: int, share: float, *, fast: bool
) -> dict[str, object]:
    """Ingest fresh, with changes, without changes, and beside answers."""
    path = folder / "faq.csv"
    picked = set(np.random.default_rng(3).choice(entries, size=max(1, round(entries * share)), replace=False).tolist())
    used = replace(models, encoder=FastEncoder(models.encoder)) if fast else models
    base_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    with open_indexer(configured, _KB, used) as indexer:
        write_file(path, entries, set())
        fresh = run_ingest(indexer, path)
        write_file(path, entries, picked, mark=" *")
        changed = run_ingest(indexer, path)
        same = run_ingest(indexer, path)
    beside: dict[str, object] = (
        {"projected": embedding_share(fresh, models.encoder, path)}
        if fast
        else {"while_publishing": _beside(configured, models, path, entries, picked)}
    )
    return {
        "entries": entries,
        "passages": fresh.report.passages,
        "distinct_texts": fresh.report.embedded,
        "encoder": used.encoder.name,
        "models_mb": base_mb,
        "index_mb": index_mb(configured),
        "fresh": fresh.figures(),
        "changed_share": share,
        "changed": changed.figures(),
        "unchanged": same.figures(),
        **beside,
    }


def _beside(configured: Settings, models: Models, path: Path, entries: int, picked: set[int]) -> dict[str, object]:
    write_file(path, entries, picked, mark=" again")
    return answers_while_publishing(configured, models, path)


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--changed", type=float, default=0.01, help="share of the entries that change")
    parser.add_argument("--fast", action="store_true", help="with a stand-in for the encoder")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    base = settings.load()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        configured = Settings(home=home, models=type(base.models)(folder=str(base.models_folder)))
        models = assemble.open_models(configured)
        result = run(configured, models, Path(folder), given.entries, given.changed, fast=given.fast)
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if given.json:
        given.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

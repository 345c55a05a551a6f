"""One reply, uncached and cached, over the size of the base, beside its floor: encoder and dense search alone.

    python tests/bench/bench_reply.py [--sizes 1000,10000,100000] [--queries 300] [--json OUT]

Replies and floor are interleaved query by query in one process with one model thread; medians are given. Every query is
distinct, so that the cache has no part in the uncached figures. The ratio is given of CPU time as well: on a machine
that others use, it alone can be compared.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time, thread_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from engine import assemble, settings
from engine.engine import DialogEngine
from engine.pipeline import Models
from engine.settings import Settings
from engine.types import Turn
from knowledge.catalog import Catalog
from knowledge.layout import Layout
from knowledge.live import Snapshots
from knowledge.snapshot import Snapshot
from tests.bench import corpus

SUITE = corpus.ROOT / "evals" / "suites" / "shop" / "queries.jsonl"
_CACHED_REPEATS = 2000
_TOGETHER = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Time that passed, and CPU time of the whole process in it."""

    wall_ms: float
    cpu_ms: float

    @classmethod
    def so_far(cls) -> "_Spent":
        return cls(wall_ms=perf_counter() * 1000, cpu_ms=process_time() * 1000)

    @classmethod
    def since(cls, start: "_Spent") -> "_Spent":
        now = cls.so_far()
        return cls(wall_ms=now.wall_ms - start.wall_ms, cpu_ms=now.cpu_ms - start.cpu_ms)


def questions(count: int) -> list[str]:
    """Give distinct questions of the shop suite, both languages in turn."""
    rows = [json.loads(line) for line in SUITE.read_text("utf-8").splitlines()]
    asked = {
        lang: [row["query"] for row in rows if row["lang"] == lang and row["relevant_ids"]] for lang in ("zh", "en")
    }
    return list(dict.fromkeys(text for pair in zip(*asked.values(), strict=False) for text in pair))[:count]


async def measure(configured: Settings, models: Models, kb: str, size: int, asked: list[str]) -> dict[str, float]:
    """Measure one size; times in ms."""
    started = perf_counter()
    corpus.publish(configured, models, kb, size)
    built_s = perf_counter() - started
    uncached: list[_Spent] = []
    floor: list[_Spent] = []
    async with assemble.open_engine(configured, models) as engine:
        snapshot = _snapshot(configured, kb)
        for text in asked[:20]:  # warm up
            await engine.reply(Turn(text=f"{text}!", kb=kb))
        for text in asked:
            since = _Spent.so_far()
            snapshot.store.search(snapshot.centring.apply(models.encoder.encode([text])), k=10)
            floor.append(_Spent.since(since))
            since = _Spent.so_far()
            await engine.reply(Turn(text=text, kb=kb))
            uncached.append(_Spent.since(since))
        cached_us = await _cached(engine, kb, asked)
        together = await _together(engine, kb, asked)
        snapshot.close()
    return {
        "entries": size,
        "distinct_questions_share": 1.0,
        "uncached_p50_ms": statistics.median(each.wall_ms for each in uncached),
        "uncached_p95_ms": statistics.quantiles((each.wall_ms for each in uncached), n=20)[18],
        "floor_p50_ms": statistics.median(each.wall_ms for each in floor),
        "ratio_to_floor": statistics.median(a.wall_ms / b.wall_ms for a, b in zip(uncached, floor, strict=True)),
        "uncached_cpu_p50_ms": statistics.median(each.cpu_ms for each in uncached),
        "floor_cpu_p50_ms": statistics.median(each.cpu_ms for each in floor),
        "cpu_ratio_to_floor": statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(uncached, floor, strict=True)),
        "cached_cpu_us": cached_us,
        "cached_hit_rate": 1.0,
        "together_per_s": together,
        "publish_s": built_s,
    }


async def _cached(engine: DialogEngine, kb: str, asked: list[str]) -> float:
    turns = [Turn(text=text, kb=kb) for text in asked[:50]]
    for turn in turns:
        await engine.reply(turn)
    rounds = []
    for _ in range(5):
        started = thread_time()  # of the event loop; what is recorded of the questions is written by another thread
        for number in range(_CACHED_REPEATS):
            await engine.reply(turns[number % len(turns)])
        rounds.append((thread_time() - started) / _CACHED_REPEATS * 1e6)
    return statistics.median(rounds)


async def _together(engine: DialogEngine, kb: str, asked: list[str]) -> float:
    """Uncached replies a second when turns arrive together."""
    rates = []
    for number in range(3):
        turns = [Turn(text=f"{text} {'?' * (number + 2)}", kb=kb) for text in asked]
        started = perf_counter()
        for start in range(0, len(turns), _TOGETHER):
            await asyncio.gather(*(engine.reply(turn) for turn in turns[start : start + _TOGETHER]))
        rates.append(len(turns) / (perf_counter() - started))
    return statistics.median(rates)


def _snapshot(configured: Settings, kb: str) -> Snapshot:
    layout = Layout(home=configured.home)
    recipe = assemble.recipe(configured.knowledge)
    catalog = Catalog(layout.catalog)
    snapshots = Snapshots(layout, catalog, backend=recipe.backend, analyse=recipe.analyse)
    return snapshots.current("default", kb)


def main() -> None:
    """Run the sizes asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    given = settings.load()
    models = assemble.open_models(given)
    asked = questions(arguments.queries)
    rows = []
    with tempfile.TemporaryDirectory() as home:
        configured = replace(given, home=Path(home))
        for size in map(int, arguments.sizes.split(",")):
            rows.append(asyncio.run(measure(configured, models, f"kb{size}", size, asked)))
            sys.stdout.write("  ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()) + "\n")
            sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2), "utf-8")


if __name__ == "__main__":
    main()

"""What encoding costs: one question by its length, many at once by the size of the batch, and the memory it takes.

    python tests/bench/bench_encoder.py [--models DIR] [--rounds 15] [--json OUT]

One model thread. CPU time, not wall time, so that what else the machine does matters less; all cases are measured in
turn, round after round, and medians given. The floor of an encoder is its graph alone, run on ready-made inputs. Every
text is distinct; there is no cache here.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from models import artifacts
from models.encoders import BUNDLED, default_models_dir, load_encoder
from models.encoders.onnx_encoder import GRAPH_FILE, KIND, EncoderSettings, feeds, open_session, token_ids
from models.encoders.prepare import ensure_prepared, folder_name
from models.encoders.prepare_verify import calibration_corpus, verification_corpus
from models.encoders.tokenizing import open_tokenizer
from models.encoders.universal import NAME as CHINESE

PARTS = ("multilingual-e5-small", "all-MiniLM-L6-v2")
ENCODERS = (*PARTS, CHINESE, BUNDLED)
LENGTHS = (8, 12, 16, 24, 48)  # tokens, special ones and the prompt included
BATCHES = (1, 4, 16, 64, 256)
SHORT = 16  # tokens of a short text
SLOWEST_ROUND = 256  # texts encoded per measurement of a batch size, at least


class Floor:
    """One prepared graph on ready-made inputs."""

    def __init__(self, name: str, models_dir: Path) -> None:
        folder = ensure_prepared(name, models_dir)
        self.settings = EncoderSettings(**artifacts.verify(folder, kind=KIND).settings)
        self._session = open_session(folder / GRAPH_FILE, threads=1)
        self._tokenizer = open_tokenizer(folder, max_tokens=self.settings.text_tokens)

    def tokens(self, texts: list[str]) -> list[int]:
        """Count the tokens that the model takes each text as."""
        return [len(ids) + self.settings.prompt_tokens for ids in token_ids(self._tokenizer, texts, self.settings)]

    def ready(self, text: str) -> Callable[[], object]:
        """Lay a text out and give what runs the graph on it."""
        inputs = feeds(token_ids(self._tokenizer, [text], self.settings), [text], self.settings)
        return lambda: self._session.run(None, inputs)


def cpu_ms(run: Callable[[], object]) -> float:
    """Time one call."""
    started = process_time()
    run()
    return (process_time() - started) * 1000


def in_turn(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Measure all cases round after round; gives the median CPU time of each in ms."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for run in cases.values():  # warm up
        run()
    for _ in range(rounds):
        for name, run in cases.items():
            times[name].append(cpu_ms(run))
    return {name: statistics.median(values) for name, values in times.items()}


def resident_mb() -> int:
    """Read this process's resident memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def by_length(texts: list[str], counts: list[int]) -> dict[int, str]:
    """Pick, for each length, the text that comes nearest to it."""
    return {
        wanted: min(zip(counts, texts, strict=True), key=lambda pair: abs(pair[0] - wanted))[1] for wanted in LENGTHS
    }


def single_queries(models_dir: Path, rounds: int) -> list[dict[str, object]]:
    """Measure one question at a time, by language, length and encoder, beside the floor of each part."""
    encoders = {name: load_encoder(name, models_dir) for name in ENCODERS}
    floors = {name: Floor(name, models_dir) for name in PARTS}
    rows: list[dict[str, object]] = []
    verification, calibration = verification_corpus(), calibration_corpus()
    for language in ("zh", "en"):
        texts = [*getattr(verification, language), *getattr(calibration, language)]
        for length, text in by_length(texts, floors[PARTS[0]].tokens(texts)).items():
            cases: dict[str, Callable[[], object]] = {}
            for name, encoder in encoders.items():
                cases[name] = lambda encoder=encoder, text=text: encoder.encode([text])
            for name, floor in floors.items():
                cases[f"floor {name}"] = floor.ready(text)
            found = in_turn(cases, rounds)
            rows.append({"language": language, "tokens": length, **{name: round(ms, 2) for name, ms in found.items()}})
    return rows


def throughput(models_dir: Path, rounds: int) -> list[dict[str, object]]:
    """Measure distinct short texts per second of CPU, by size of the batch."""
    encoders = {name: load_encoder(name, models_dir) for name in ENCODERS}
    floor = Floor(PARTS[0], models_dir)
    rows: list[dict[str, object]] = []
    for language in ("zh", "en"):
        known = [*getattr(verification_corpus(), language), *getattr(calibration_corpus(), language)]
        short = [text for text, count in zip(known, floor.tokens(known), strict=True) if count <= SHORT]
        texts = [f"{text} {number}" for number in range(SLOWEST_ROUND // len(short) + 1) for text in short]
        texts = [text for text, count in zip(texts, floor.tokens(texts), strict=True) if count <= SHORT][:SLOWEST_ROUND]
        mean = statistics.mean(floor.tokens(texts))
        for size in BATCHES:
            cases = {}
            for name, encoder in encoders.items():
                parts = [texts[start : start + size] for start in range(0, len(texts), size)]
                cases[name] = lambda encoder=encoder, parts=parts: [encoder.encode(part) for part in parts]
            per_second = {
                name: round(len(texts) / ms * 1000) for name, ms in in_turn(cases, max(rounds // 5, 1)).items()
            }
            rows.append({"language": language, "batch": size, "mean tokens": round(mean, 1), **per_second})
    return rows


def table(title: str, rows: list[dict[str, object]]) -> str:
    """Lay rows out as text."""
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join([title, *lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=default_models_dir())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    before = resident_mb()
    encoder = load_encoder(BUNDLED, options.models)
    loaded = resident_mb()
    encoder.encode(list(verification_corpus().texts))
    memory = [{"imports MB": before, "loaded MB": loaded, "after 128 texts MB": resident_mb()}]
    del encoder
    found = {
        "memory": memory,
        "single": single_queries(options.models, options.rounds),
        "throughput": throughput(options.models, options.rounds),
        "scores": {
            name: artifacts.read_manifest(options.models / folder_name(name)).scores for name in (*PARTS, CHINESE)
        },
    }
    sys.stdout.write(table("resident memory of a process that serves the bundled encoder", found["memory"]))
    sys.stdout.write(table("\nCPU ms for one question", found["single"]))
    sys.stdout.write(table(f"\ndistinct texts of at most {SHORT} tokens per CPU second", found["throughput"]))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

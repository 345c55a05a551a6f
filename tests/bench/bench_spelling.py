"""How long spelling correction and language detection take: `python tests/bench/bench_spelling.py`.

Entries are made by varying the questions of our own sample knowledge bases; queries are the distinct typed-badly and
plain ones that come with them, each asked once. The floor is the normalisation that every text goes through anyway.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from models.language import detect  # noqa: E402  (the path is set above)
from models.spelling import KnowledgeSpelling  # noqa: E402
from models.text import normalise  # noqa: E402

GENERIC = ROOT / "models" / "data" / "generic"
ENTRIES = 10_000


def main() -> None:
    queries = sorted({row["query"] for row in _rows("queries.jsonl")})
    texts = _varied([text for row in _rows("faq.jsonl") for text in (row["question"], row["answer"])], ENTRIES * 2)
    start = time.perf_counter()
    built = KnowledgeSpelling.build(texts)
    _say(f"build, {ENTRIES} entries of question and answer: {time.perf_counter() - start:.2f} s")
    data = built.to_json()
    loads = [_timed(lambda: KnowledgeSpelling.from_json(data)) for _ in range(5)]
    _say(f"load, {len(data) / 1e6:.2f} MB: {statistics.median(loads) * 1000:.1f} ms")
    spelling = KnowledgeSpelling.from_json(data)
    for text in ("怎么tuihuo", "where is my oder"):  # general tables are read when first needed
        spelling.correct(text, detect(text))
    clean = [normalise(query) for query in queries]
    _report("floor: normalise", normalise, queries)
    _report("detect", detect, clean)
    _report("correct", lambda text: spelling.correct(text, detect(text)), clean)
    long = ["".join(clean[at : at + 12])[:200] for at in range(0, len(clean) - 12, 12)]
    _report("correct, 200 characters", lambda text: spelling.correct(text, detect(text)), long)


def _rows(name: str) -> list[dict[str, str]]:
    paths = sorted(GENERIC.glob(f"*/{name}"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def _varied(texts: Sequence[str], count: int) -> list[str]:
    """Texts cut and joined anew, so that they are `count` different ones of the length of real ones."""
    made = []
    for number in range(count):
        one, two = texts[number % len(texts)], texts[(number * 7 + number // len(texts)) % len(texts)]
        made.append(one[: len(one) // 2] + two[len(two) // 2 :] + str(number))
    return made


def _report(name: str, work: Callable[[str], object], texts: Sequence[str]) -> None:
    took = sorted(_timed(lambda text=text: work(text)) * 1000 for text in texts)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    _say(f"{name}: {len(texts)} distinct texts, p50 {p50:.3f} ms, p99 {p99:.3f} ms, most {took[-1]:.3f} ms")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()

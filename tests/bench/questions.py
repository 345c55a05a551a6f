"""What visitors of a benchmark ask: many come with the same questions, others with their own."""

import json
from collections.abc import Iterator
from itertools import accumulate, count
from random import Random

from tests.bench.corpus import ROOT

SUITE = ROOT / "evals" / "suites" / "shop" / "queries.jsonl"
_POPULAR = 200  # questions that come again and again, the n-th in proportion to 1 / n (Zipf)
_WAYS = {
    "en": ("{}", "Hi, {}", "{} Thanks!", "Hello there. {}", "Quick question: {}", "{} Please help"),
    "zh": ("{}", "你好，{}", "请问{}", "想问一下，{}", "{}，谢谢", "麻烦问下{}"),
}


def of_suite() -> list[tuple[str, str]]:
    """Give (language, question) of the shop's suite, both languages in turn."""
    rows = [json.loads(line) for line in SUITE.read_text("utf-8").splitlines()]
    asked = {lang: [row["query"] for row in rows if row["lang"] == lang and row["relevant_ids"]] for lang in _WAYS}
    pairs = zip(*(dict.fromkeys(texts) for texts in asked.values()), strict=False)
    return [(lang, text) for pair in pairs for lang, text in zip(asked, pair, strict=True)]


def mix(seed: int, *, own: float, place: int = 0, places: int = 1) -> Iterator[str]:
    """Give questions for ever: a share of them asked by nobody else, the rest popular ones.

    Args:
        seed: of the choice.
        own: share of the messages that are a question of their own.
        place: of this process among those that ask; none asks another's own questions.
        places: how many processes ask.
    """
    random, suite = Random(seed), of_suite()
    popular, others = suite[:_POPULAR], suite[_POPULAR:]
    weights = list(accumulate(1 / rank for rank in range(1, len(popular) + 1)))
    numbers = count(place, places)
    while True:
        if random.random() < own:
            yield _own(others, next(numbers))
        else:
            yield random.choices(popular, cum_weights=weights)[0][1]


def _own(others: list[tuple[str, str]], number: int) -> str:
    """Give the n-th question that nobody asked before; after the ways to ask are used up, they name an order."""
    language, text = others[number % len(others)]
    ways = _WAYS[language]
    round_ = number // len(others)
    asked = ways[round_ % len(ways)].format(text)
    order = round_ // len(ways)
    return asked if not order else f"{asked} ({order})"

"""A knowledge base for load: the sample shop as it is, among thousands of entries about other things.

Questions of the shop's suite find their answers in it, as they would in a real base of that size.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine import assemble
from engine.pipeline import Models
from engine.settings import Settings
from ingest.split import SplitSettings, passages_of
from knowledge.catalog import Catalog, Changes
from knowledge.layout import Layout
from knowledge.publish import Body, Draft, Publisher
from knowledge.snapshot import EncoderStamp
from knowledge.types import Entry
from tests.bench.corpus import NOISE, sample_entries

_THINGS = {
    "en": ("kettle", "bicycle pump", "desk lamp", "tent", "violin string", "wood saw", "fish tank", "yoga mat"),
    "zh": ("电水壶", "打气筒", "台灯", "帐篷", "小提琴弦", "木锯", "鱼缸", "瑜伽垫"),
}
_TRAITS = {
    "en": ("weight", "height", "material", "colour", "voltage", "noise level", "country of origin", "thread size"),
    "zh": ("重量", "高度", "材质", "颜色", "电压", "噪音", "产地", "螺纹规格"),
}
_SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "pa", "ri", "su", "ta", "ve", "zo")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of thing and one trait of it: made into many entries, of one make each."""

    language: str
    thing: str
    trait: str

    def entry(self, number: int, make: str) -> Entry:
        if self.language == "zh":
            asked = f"{make}{self.thing}的{self.trait}是多少？"
            told = f"见{make}{self.thing}说明书第 {number % 40} 页。"
        else:
            asked = f"What is the {self.trait} of the {make} {self.thing}?"
            told = f"See page {number % 40} of the booklet of the {make} {self.thing}."
        return Entry(id=f"x{number:07d}", question=asked, answer=told, language=self.language)


def publish(settings: Settings, models: Models, kb: str, count: int) -> None:
    """Publish a base of `count` entries. Only one entry of each kind is encoded; the others' vectors lie around it."""
    home = Layout(home=settings.home)
    catalog = Catalog(home.catalog)
    publisher = Publisher(layout=home, catalog=catalog, recipe=assemble.recipe(settings.knowledge))
    sample = [replace(entry, id=f"e{number:07d}") for number, entry in enumerate(sample_entries())]
    kinds = [_Kind(*each) for language in ("en", "zh") for each in product([language], *_words(language))]
    others = [kinds[n % len(kinds)].entry(n, _make(n // len(kinds))) for n in range(count - len(sample))]
    entries = [*sample, *others]
    stamp = EncoderStamp(
        name=models.encoder.name,
        version=models.encoder.version,
        dim=models.encoder.dim,
        blocks=tuple(block.stop - block.start for block in getattr(models.encoder, "blocks", ())),
    )
    draft = Draft(
        workspace="default",
        kb=kb,
        entries=entries,
        encoder=stamp,
        encode=lambda: _body(entries, len(sample), len(kinds), models),
    )
    with publisher.writing("default", kb):
        publisher.publish(draft, Changes(upserts=entries))
    catalog.close()


def _words(language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _THINGS[language], _TRAITS[language]


def _make(number: int) -> str:
    """Invent a maker's name."""
    digits = (number // 12**place % 12 for place in range(3))
    return "".join(_SYLLABLES[digit] for digit in digits).capitalize()


def _body(entries: list[Entry], real: int, kinds: int, models: Models) -> Body:
    """Encode the first `real + kinds` entries; vectors of the rest are those of their kind, with noise of their own."""
    passages = passages_of(entries, SplitSettings())
    place = {entry.id: number for number, entry in enumerate(entries)}
    encoded = [passage for passage in passages if place[passage.entry_id] < real + kinds]
    vectors = models.encoder.encode([passage.text for passage in encoded])
    first: dict[int, list[int]] = {}  # entry's place -> rows of its passages
    for row, passage in enumerate(encoded):
        first.setdefault(place[passage.entry_id], []).append(row)
    result = np.empty((len(passages), vectors.shape[1]), np.float16)
    rng, seen = np.random.default_rng(7), dict.fromkeys(place, 0)
    for row, passage in enumerate(passages):
        at, part = place[passage.entry_id], seen[passage.entry_id]
        seen[passage.entry_id] += 1
        like = at if at < real + kinds else real + (at - real) % kinds
        vector = vectors[first[like][part % len(first[like])]].astype(np.float32)
        result[row] = vector if at < real + kinds else _near(vector, rng)
    return Body(passages=passages, vectors=result)


def _near(vector: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.standard_normal(vector.shape, dtype=np.float32) * np.float32(NOISE / np.sqrt(vector.size))
    moved = vector + noise * (vector != 0)
    return np.asarray(moved / np.linalg.norm(moved), np.float32)

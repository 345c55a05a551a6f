"""Knowledge bases of any size for benchmarks: real entries, varied, with vectors perturbed instead of encoded anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine import assemble
from engine.pipeline import Models
from engine.settings import Settings
from ingest.limits import Limits
from ingest.records import Record
from ingest.sources.document import ReadOptions
from ingest.sources.reading import read_all
from ingest.split import SplitSettings, passages_of
from knowledge.catalog import Catalog, Changes
from knowledge.layout import Layout
from knowledge.publish import Body, Draft, Publisher
from knowledge.snapshot import EncoderStamp
from knowledge.types import Entry, Passage

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = (ROOT / "ingest" / "samples" / "shop_en.jsonl", ROOT / "ingest" / "samples" / "shop_zh.csv")
NOISE = 0.5  # length of the noise added to a vector of length 1: its copies stay neighbours, none is equal


def sample_entries() -> list[Entry]:
    """Read the sample shop."""
    from datetime import UTC

    records = [each for each in read_all(SAMPLES, ReadOptions(limits=Limits(), zone=UTC)) if isinstance(each, Record)]
    return [
        Entry(id=f"e{number}", question=record.question, answer=record.answer, language="en" if number < 118 else "zh")
        for number, record in enumerate(records)
    ]


def publish(settings: Settings, models: Models, kb: str, count: int) -> None:
    """Publish a base of `count` entries: copy n of an entry names article n, so that words tell copies apart."""
    base = sample_entries()
    entries = sorted((_varied(base[n % len(base)], n // len(base), n) for n in range(count)), key=lambda each: each.id)
    home = Layout(home=settings.home)
    catalog = Catalog(home.catalog)
    publisher = Publisher(layout=home, catalog=catalog, recipe=assemble.recipe(settings.knowledge))
    stamp = EncoderStamp(
        name=models.encoder.name,
        version=models.encoder.version,
        dim=models.encoder.dim,
        blocks=tuple(block.stop - block.start for block in getattr(models.encoder, "blocks", ())),
    )
    draft = Draft(
        workspace="default", kb=kb, entries=entries, encoder=stamp, encode=lambda: _body(entries, base, models)
    )
    with publisher.writing("default", kb):
        publisher.publish(draft, Changes(upserts=entries))
    catalog.close()


def _varied(entry: Entry, copy: int, number: int) -> Entry:
    if copy == 0:
        return replace(entry, id=f"n{number:07d}")
    name = f" (article {copy})" if entry.language == "en" else f"（商品{copy}）"
    return replace(entry, id=f"n{number:07d}", question=entry.question + name)


def _body(entries: list[Entry], base: list[Entry], models: Models) -> Body:
    """Encode the real entries; give their copies the same vectors with noise of their own."""
    passages = passages_of(entries, SplitSettings())
    real = passages_of([replace(each, id=f"n{number:07d}") for number, each in enumerate(base)], SplitSettings())
    vectors = models.encoder.encode([passage.text for passage in real])
    row_of = {(passage.entry_id, _place(real, passage)): row for row, passage in enumerate(real)}
    rows = [row_of[_origin(passage.entry_id, len(base)), _place(passages, passage)] for passage in passages]
    rng = np.random.default_rng(7)
    varied = np.empty((len(rows), vectors.shape[1]), np.float16)
    for start in range(0, len(rows), 20_000):
        some = vectors[rows[start : start + 20_000]].astype(np.float32)
        some += (
            rng.standard_normal(some.shape, dtype=np.float32) * np.float32(NOISE / np.sqrt(some.shape[1])) * (some != 0)
        )
        varied[start : start + len(some)] = some / np.linalg.norm(some, axis=1, keepdims=True)
    return Body(passages=passages, vectors=varied)


def _origin(entry_id: str, count: int) -> str:
    return f"n{int(entry_id[1:]) % count:07d}"


def _place(passages: list[Passage], passage: Passage) -> int:
    """Tell the how-manieth passage of its entry this is."""
    place = 0
    while passage.id - place - 1 >= 0 and passages[passage.id - place - 1].entry_id == passage.entry_id:
        place += 1
    return place

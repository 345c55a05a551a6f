"""Knowledge bases in memory, made of invented FAQs as ingest and publish make them, and what visitors asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.ranking import BoolArray, FloatMatrix
from evals.datasets.faq import read_faq
from evals.datasets.queries import read_questions
from ingest.split import SplitSettings, passages_of
from knowledge.centring import Centring
from knowledge.lexical import LexicalIndex
from knowledge.memory_store import MemoryStore
from knowledge.types import Entry, Filter, Passage, PassageKind
from models.protocols import Encoder
from models.text import terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A visitor's question."""

    text: str
    relevant: frozenset[str]  # ids of all entries that answer it; empty: none does


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """An FAQ and the questions about it, encoded."""

    name: str
    entries: tuple[Entry, ...]
    passages: tuple[Passage, ...]
    asked: tuple[Asked, ...]
    passage_vectors: FloatMatrix  # (passages, dim) as the encoder gave them
    asked_vectors: FloatMatrix  # (asked, dim)
    blocks: tuple[int, ...]  # widths of the parts that several encoders gave


class Version:
    """What a published version is to the engine's ranking; implements `engine.ranking.Searchable`."""

    def __init__(self, material: Material) -> None:
        """Centre, index and store the passages."""
        positions = {entry.id: position for position, entry in enumerate(material.entries)}
        self.entries = {entry.id: entry for entry in material.entries}
        self.passages = material.passages
        owners = [positions[passage.entry_id] for passage in material.passages]
        self.entry_of = np.array(owners, dtype=np.int32)
        answers = _answers(material.passages)
        self.centring = Centring.fit(material.passage_vectors, material.blocks, answers)
        self.vectors: FloatMatrix = self.centring.apply(material.passage_vectors, answers)
        self.lexical = LexicalIndex.build([passage.text for passage in material.passages], terms, owners)
        self.store = MemoryStore(self.vectors.shape[1])
        self.store.fill(self.vectors, material.passages, material.entries)

    def admitted(self, where: Filter) -> BoolArray | None:
        """Admit all."""
        return None


def read_material(folder: Path, encoder: Encoder) -> Material:
    """Read a folder with faq.jsonl and queries.jsonl, and encode it."""
    questions = read_questions(folder / "queries.jsonl")
    asked = [Asked(text=question.text, relevant=frozenset(question.relevant_ids)) for question in questions]
    return material_of(folder.name, read_faq(folder / "faq.jsonl"), asked, encoder)


def material_of(name: str, entries: Sequence[Entry], asked: Sequence[Asked], encoder: Encoder) -> Material:
    """Encode an FAQ and the questions about it."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.id))
    passages = tuple(passages_of(ordered, SplitSettings()))
    blocks = getattr(encoder, "blocks", ())
    return Material(
        name=name,
        entries=ordered,
        passages=passages,
        asked=tuple(asked),
        passage_vectors=_encode([passage.text for passage in passages], encoder),
        asked_vectors=_encode([question.text for question in asked], encoder),
        blocks=tuple(block.stop - block.start for block in blocks) or (encoder.dim,),
    )


def without_answers(material: Material) -> Material:
    """The same FAQ as a list of questions alone."""
    kept = np.flatnonzero(~_answers(material.passages))
    passages = tuple(replace(material.passages[row], id=place) for place, row in enumerate(kept.tolist()))
    return replace(material, passages=passages, passage_vectors=material.passage_vectors[kept])


def with_one_encoder(material: Material, *, companion: bool) -> Material:
    """The same FAQ as one encoder of a combination sees it: the first, which reads all texts, or the others."""
    first = material.blocks[0]
    part = slice(first, None) if companion else slice(0, first)
    return replace(
        material,
        passage_vectors=_units(material.passage_vectors[:, part]),
        asked_vectors=_units(material.asked_vectors[:, part]),
        blocks=material.blocks[1:] if companion else material.blocks[:1],
    )


def _answers(passages: Sequence[Passage]) -> NDArray[np.bool_]:
    return np.array([passage.kind is PassageKind.ANSWER for passage in passages], dtype=np.bool_)


def _units(vectors: FloatMatrix) -> FloatMatrix:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def _encode(texts: Sequence[str], encoder: Encoder, batch: int = 64) -> FloatMatrix:
    """Encode and round as a version's files do."""
    parts = [encoder.encode(texts[start : start + batch]) for start in range(0, len(texts), batch)]
    return np.vstack(parts).astype(np.float16).astype(np.float32)

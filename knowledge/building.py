"""Building the files of a version, and seeing that its entries are found."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from knowledge.backends import StoreBackend
from knowledge.centring import Centring
from knowledge.columns import BoolArray, EntryColumns
from knowledge.entry_codec import entry_to_json
from knowledge.lexical import Analyzer, LexicalIndex
from knowledge.snapshot import KINDS, MANIFEST, EncoderStamp, Manifest, Snapshot, digests, write_lines
from knowledge.store import FloatMatrix, KnowledgeStore
from knowledge.types import Entry, Passage, PassageKind

Progress = Callable[[str, int, int], None]  # stage, done, total

_BUILDER = "3"  # raised when the same draft and recipe give other files
_SAMPLED = 500  # entries that are searched for whatever the store says
_VERIFY_ROWS = 256  # searches between two reports of progress
_CHECKED = 8_192  # vectors widened to 32 bits at once
_NOT_FIRST = "not_first.json"
_NOT_FIRST_KEPT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How all of a version besides its entries and vectors is made; knowledge knows neither models nor engine."""

    version: str  # changes whenever analyse or derive would give something else for the same entries
    backend: StoreBackend
    analyse: Analyzer  # the terms of a text, for the lexical index
    derive: Callable[[Snapshot], Mapping[str, bytes]] = lambda _: {}
    """Makes further files from the nearly finished version, by name: calibration, spelling words, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What an encoder makes of the entries: the costly part of a version."""

    passages: Sequence[Passage]  # by id from 0; each of an entry of the draft
    vectors: NDArray[np.float16]  # (passages, dim), as the encoder gave them


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The content of a version to be."""

    workspace: str
    kb: str
    entries: Sequence[Entry]  # by id, ascending
    encoder: EncoderStamp
    encode: Callable[[], Body]  # called only if there is no such version yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An entry that its own question does not find at rank 1."""

    entry_id: str
    found: str  # the entry found instead; "" if none


def version_id(draft: Draft, recipe: Recipe) -> str:
    """Name a version by what it is made of: the same content, encoder and recipe give the same id."""
    facts = (draft.workspace, draft.kb, draft.encoder.version, recipe.version, recipe.backend.name, _BUILDER)
    digest = hashlib.sha256(json.dumps(facts).encode())
    for entry in draft.entries:
        digest.update(entry_to_json(entry).encode() + b"\n")
    return digest.hexdigest()[:16]


def build_version(
    draft: Draft, version: str, folder: Path, *, recipe: Recipe, created: datetime, progress: Progress
) -> Manifest:
    """Write all files of a version into an empty folder; the manifest, which names the others, comes last.

    Raises:
        StoreUnavailable: the vector store gave no answer.
    """
    body = draft.encode()
    _write_content(draft, body, folder)
    # From here on the vectors are read from the disk's cache, which the system may take back: half of the memory.
    body = replace(body, vectors=np.load(folder / "vectors.npy", mmap_mode="r"))
    answers = _answers(body.passages)
    centring = Centring.fit(body.vectors, draft.encoder.blocks or None, answers)
    np.save(folder / "mean.npy", centring.mean)
    progress("words", 0, 1)
    texts = [passage.text for passage in body.passages]
    lexical = LexicalIndex.build(texts, recipe.analyse, _entry_numbers(draft.entries, body.passages))
    (folder / "lexical").mkdir()
    lexical.save(folder / "lexical")
    progress("index", 0, 1)
    (folder / "store").mkdir()
    half = len(answers) >= getattr(recipe.backend, "half_from", math.inf)
    centred = cast(FloatMatrix, centring.apply_in_pieces(body.vectors, answers, half=half))
    store = recipe.backend.build(folder / "store", version, centred, body.passages, draft.entries)
    lost = find_lost(store, body.passages, centred, progress)
    manifest = _manifest(draft, version, len(body.passages), recipe, created)
    snapshot = Snapshot.assemble(folder, manifest, store=store, lexical=lexical)
    progress("calibration", 0, 1)
    (folder / "derived").mkdir()
    for name, content in {**recipe.derive(snapshot), _NOT_FIRST: _lost_to_json(lost)}.items():
        (folder / "derived" / name).write_bytes(content)
    snapshot.close()
    manifest = replace(manifest, sha256=digests(folder))
    (folder / MANIFEST).write_text(json.dumps(manifest.to_dict(), ensure_ascii=False, indent=2), encoding="utf-8")
    return manifest


def find_lost(
    store: KnowledgeStore,
    passages: Sequence[Passage],
    centred: FloatMatrix | NDArray[np.float16],
    progress: Progress = lambda stage, done, total: None,
) -> tuple[Lost, ...]:
    """Find the entries that are not found at rank 1 by their own question.

    Entries with the same question share rank 1. A store that can rule out misses (`doubtful`) is asked first; what it
    doubts is searched, and so is a sample of the others, the whole way.
    """
    rows = np.array([p.id for p in passages if p.kind is PassageKind.QUESTION], dtype=np.int64)
    check: Callable[[FloatMatrix, NDArray[np.int64]], NDArray[np.int64]] | None = getattr(store, "doubtful", None)
    if check is not None and len(rows) > _SAMPLED:
        rows = np.union1d(_doubtful(check, centred, rows), rows[:: len(rows) // _SAMPLED])
    lost: list[Lost] = []
    for start in range(0, len(rows), _VERIFY_ROWS):
        progress("verify", start, len(rows))
        some = rows[start : start + _VERIFY_ROWS]
        for row, hits in zip(some.tolist(), store.search(centred[some].astype(np.float32), k=10), strict=True):
            top = [passages[hit.passage_id] for hit in hits if hit.score >= hits[0].score - 1e-6]
            own = passages[row]
            # More entries than were fetched may share one question: passages of prose below the same headings.
            if not any(found.entry_id == own.entry_id or found.text == own.text for found in top):
                lost.append(Lost(entry_id=own.entry_id, found=top[0].entry_id if top else ""))
    progress("verify", len(rows), len(rows))
    return tuple(lost)


def _doubtful(
    check: Callable[[FloatMatrix, NDArray[np.int64]], NDArray[np.int64]],
    centred: FloatMatrix | NDArray[np.float16],
    rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Ask a store piece by piece which rows a search might miss."""
    pieces = (rows[start : start + _CHECKED] for start in range(0, len(rows), _CHECKED))
    return np.concatenate([check(centred[some].astype(np.float32), some) for some in pieces])


def lost_of(snapshot: Snapshot) -> tuple[Lost, ...]:
    """Give the entries that did not find themselves when the version was built; a thousand of them at most."""
    kept = snapshot.file(_NOT_FIRST)
    return tuple(Lost(entry_id=entry_id, found=found) for entry_id, found in json.loads(kept)) if kept else ()


def _lost_to_json(lost: Sequence[Lost]) -> bytes:
    return json.dumps([[each.entry_id, each.found] for each in lost[:_NOT_FIRST_KEPT]], ensure_ascii=False).encode()


def _manifest(draft: Draft, version: str, passages: int, recipe: Recipe, created: datetime) -> Manifest:
    return Manifest(
        version=version,
        workspace=draft.workspace,
        kb=draft.kb,
        created=created,
        encoder=draft.encoder,
        store=recipe.backend.name,
        recipe=recipe.version,
        entries=len(draft.entries),
        passages=passages,
        sha256={},
    )


def _write_content(draft: Draft, body: Body, folder: Path) -> None:
    write_lines(folder / "entries.jsonl", [entry_to_json(entry) for entry in draft.entries])
    ids = [entry.id for entry in draft.entries]
    (folder / "entries.ids.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    write_lines(folder / "passages.jsonl", [json.dumps(p.text, ensure_ascii=False) for p in body.passages])
    kinds = np.fromiter((KINDS.index(p.kind) for p in body.passages), dtype=np.uint8, count=len(body.passages))
    np.save(folder / "passages.kinds.npy", kinds)
    np.save(folder / "vectors.npy", body.vectors)
    EntryColumns.build(body.passages, draft.entries).save(folder)


def _answers(passages: Sequence[Passage]) -> BoolArray:
    """Tell which passages are of answers: these are centred on a mean of their own."""
    return np.fromiter((p.kind is PassageKind.ANSWER for p in passages), dtype=np.bool_, count=len(passages))


def _entry_numbers(entries: Sequence[Entry], passages: Sequence[Passage]) -> list[int]:
    numbers = {entry.id: number for number, entry in enumerate(entries)}
    return [numbers[passage.entry_id] for passage in passages]

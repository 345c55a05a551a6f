"""What `kefu kb gaps` does: group what visitors asked in vain, as the start of an FAQ to write."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from engine.settings import Settings
from ingest.assemble import open_publisher
from ingest.command import write_json
from ingest.errors import IngestError
from ingest.gaps.clusters import ClusterSettings
from ingest.gaps.draft import draft as draft_of
from ingest.gaps.groups import Group, groups_of
from ingest.gaps.wordings import without_masks, wordings
from ingest.progress import Show, shown_on
from ingest.report_terminal import cut
from knowledge.centring import Centring
from knowledge.errors import KnowledgeError
from knowledge.publish import Publisher
from knowledge.snapshot import KINDS, Snapshot
from knowledge.types import PassageKind
from models.encoders import load_encoder
from models.language import detect
from models.protocols import Encoder, FloatMatrix

_WORKSPACE = "default"
_MOST_QUESTIONS = 100_000  # read; the catalog keeps 10,000 unless told otherwise
# Wordings that the knowledge base's mean counts for beside the questions' own. On samples of 20 to 150 questions of
# seven public sets, 50 gives the best Rand index; the mean of another subject alone costs up to 20 points of purity.
_PRIOR = 50.0
_EXAMPLES = 4  # shown beside the central question
_AT_ONCE = 64  # texts encoded in a call
_FETCHED = 20  # passages looked at for the nearest entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The entry whose question is most like that of a group."""

    entry_id: str
    question: str
    similarity: float  # cosine of centred vectors

    @property
    def is_likely(self) -> bool:
        """Whether the group may only be another wording of it."""
        return self.similarity >= ClusterSettings().similar_at


@dataclass(frozen=True, slots=True)
class _Gap:
    """A group with the entry that is nearest to it; None where there is none."""

    group: Group
    nearest: Nearest | None


def show_gaps(
    settings: Settings,
    kb: str,
    console: Console,
    *,
    draft: Path | None = None,
    limit: int = 20,
    json: str = "",
    encoder: Encoder | None = None,
) -> int:
    """Show what was asked in vain, grouped by meaning, the most asked first.

    Args:
        settings: of the installation.
        kb: the knowledge base.
        console: for people.
        draft: where to write the questions as a document to be filled in.
        limit: groups that are shown and drafted; the JSON has all.
        json: where to write all groups for programs; "-" for standard output.
        encoder: opened before; by default the one that is configured.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
        ModelError: the encoder could not be had.
        IngestError: a file cannot be written.
    """
    found = _find(settings, kb, console, encoder)
    repeated = [gap for gap in found if gap.group.count > 1]
    if json:
        write_json(json, _values(kb, found))
    if json != "-":
        _print(kb, found, console, limit)
    if draft is not None and repeated:
        drafted = repeated[:limit]
        _write(draft, draft_of([gap.group for gap in drafted], kb))
        console.print(Text(f"{len(drafted)} questions to be answered are in {draft}; ingest it when they are"))
    elif draft is not None:
        console.print(Text(f"nothing was asked more than once; {draft} is not written"))
    return 0


def _find(settings: Settings, kb: str, console: Console, encoder: Encoder | None) -> list[_Gap]:
    """Group the questions, and look for the entry that is nearest to each group."""
    with open_publisher(settings) as publisher:
        live = publisher.catalog.live_version(_WORKSPACE, kb)
        different = wordings(publisher.catalog.unknown_questions(_WORKSPACE, kb, limit=_MOST_QUESTIONS))
        if not different:
            return []
        if encoder is None:
            encoder = load_encoder(settings.models.encoder, settings.models_folder, threads=settings.models.threads)
        with ExitStack() as stack:
            snapshot = _open(publisher, kb, live, encoder)
            if snapshot is not None:
                stack.callback(snapshot.close)
            show = stack.enter_context(shown_on(console))
            raw = _encoded([without_masks(wording.text) for wording in different], encoder, show)
            groups = groups_of(
                different,
                _centred(raw, encoder, snapshot),
                detect,
                progress=lambda done, total: show("group", done, total),
            )
            return [_Gap(group, near) for group, near in zip(groups, _nearest(groups, raw, snapshot), strict=True)]


def _open(publisher: Publisher, kb: str, live: str | None, encoder: Encoder) -> Snapshot | None:
    """Open the live version; None if there is none that was made with this encoder."""
    if live is None:
        return None
    try:
        snapshot = publisher.open(_WORKSPACE, kb, live)
    except KnowledgeError:
        return None  # what is missing from the knowledge base can be told without it
    if snapshot.manifest.encoder.version == encoder.version:
        return snapshot
    snapshot.close()
    return None


def _encoded(texts: Sequence[str], encoder: Encoder, progress: Show) -> FloatMatrix:
    parts = [np.empty((0, encoder.dim), dtype=np.float32)]
    for start in range(0, len(texts), _AT_ONCE):
        progress("encode", start, len(texts))
        parts.append(encoder.encode(texts[start : start + _AT_ONCE]))
    return np.concatenate(parts)


def _centred(vectors: FloatMatrix, encoder: Encoder, snapshot: Snapshot | None) -> FloatMatrix:
    """Take off what all questions share, as they show it themselves, or, where they are few, the knowledge base."""
    widths = tuple(block.stop - block.start for block in getattr(encoder, "blocks", ()))
    own = Centring.fit(vectors, widths)
    if snapshot is not None:
        share = len(vectors) / (len(vectors) + _PRIOR)
        mean = share * own.mean + (1 - share) * snapshot.centring.mean
        own = Centring(mean=mean.astype(np.float32), blocks=own.blocks)
    return own.apply(vectors)


def _nearest(groups: Sequence[Group], vectors: FloatMatrix, snapshot: Snapshot | None) -> list[Nearest | None]:
    """Give for each group the entry that asks most nearly the same, by its question or a similar one."""
    if snapshot is None or not groups:
        return [None] * len(groups)
    answer = KINDS.index(PassageKind.ANSWER)
    queries = snapshot.centring.apply(vectors[[group.row for group in groups]])
    found: list[Nearest | None] = []
    for hits in snapshot.store.search(queries, k=_FETCHED):
        hit = next((hit for hit in hits if snapshot.kind_of[hit.passage_id] != answer), None)
        if hit is None:
            found.append(None)
            continue
        entry = snapshot.entries[snapshot.entry_ids[int(snapshot.entry_of[hit.passage_id])]]
        found.append(Nearest(entry_id=entry.id, question=entry.question, similarity=round(min(hit.score, 1.0), 4)))
    return found


def _values(kb: str, gaps: Sequence[_Gap]) -> dict[str, object]:
    return {
        "kb": kb,
        "questions": sum(gap.group.count for gap in gaps),
        "asked_once": sum(gap.group.count == 1 for gap in gaps),
        "groups": [_group_values(gap) for gap in gaps],
    }


def _group_values(gap: _Gap) -> dict[str, object]:
    group, near = gap.group, gap.nearest
    nearest = near and {
        "id": near.entry_id,
        "question": near.question,
        "similarity": near.similarity,
        "likely_the_same": near.is_likely,
    }
    return {
        "question": group.central.text,
        "count": group.count,
        "language": group.language.value,
        "last_asked": group.last_asked.isoformat(),
        "wordings": [{"text": wording.text, "count": wording.count} for wording in group.wordings],
        "nearest": nearest,
    }


def _print(kb: str, gaps: Sequence[_Gap], console: Console, limit: int) -> None:
    once = sum(gap.group.count == 1 for gap in gaps)
    if not gaps:
        console.print(Text(f"{kb}: nothing was asked in vain yet"))
        return
    asked, repeated = sum(gap.group.count for gap in gaps), len(gaps) - once
    console.print(Text(f"{kb}: {asked} questions had no answer; {repeated} groups were asked more than once"))
    shown = [gap for gap in gaps if gap.group.count > 1][:limit]
    for gap in shown:
        _print_gap(gap, console)
    if repeated > len(shown):
        console.print(Text(f"… and {repeated - len(shown)} more; --limit shows more, --json all of them"))
    if once:
        console.print(Text(f"{once} questions were asked only once"))


def _print_gap(gap: _Gap, console: Console) -> None:
    group, indent = gap.group, " " * 8
    facts = f"  {group.language.value}, last asked {group.last_asked:%Y-%m-%d}"
    console.print(Text.assemble((f"{group.count:>5} × {cut(group.central.text)}", "bold"), facts))
    for wording in group.others[:_EXAMPLES]:
        often = f" ({wording.count} ×)" if wording.count > 1 else ""
        console.print(Text(f"{indent}{cut(wording.text)}{often}"))
    if gap.nearest is not None:
        console.print(Text(f"{indent}{_advice(gap.nearest)}", style="dim"))


def _advice(near: Nearest) -> str:
    score = f"{near.similarity:.2f}"
    if near.is_likely:
        return f"perhaps an alternative wording of {near.entry_id} ({cut(near.question)}; {score})"
    return f"nearest entry: {near.entry_id} ({cut(near.question)}; {score})"


def _write(path: Path, text: str) -> None:
    """Write a new file: the answers in an earlier draft are somebody's work."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise IngestError(f"{path} exists already; name another file, or remove it") from error
    except OSError as error:
        raise IngestError(f"{path} cannot be written ({error.strerror or error}); name another file") from error

"""A published version, opened: everything that answers questions, read-only, safe for many threads."""

import hashlib
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import orjson
from numpy.typing import NDArray

from knowledge.backends import StoreBackend
from knowledge.centring import Centring
from knowledge.columns import BoolArray, EntryColumns
from knowledge.entry_codec import entry_from_json
from knowledge.errors import VersionCorrupt
from knowledge.lexical import Analyzer, LexicalIndex
from knowledge.store import FloatMatrix, KnowledgeStore
from knowledge.types import Entry, Filter, Passage, PassageKind

MANIFEST = "manifest.json"
KINDS = (PassageKind.QUESTION, PassageKind.SIMILAR, PassageKind.ANSWER)  # as numbers in passages.npz
_DECODED = 20_000  # entries kept decoded, about 40 MB; beyond that they are read from the mapped file again


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderStamp:
    """Which encoder the vectors of a version come from."""

    name: str
    version: str
    dim: int
    blocks: tuple[int, ...] = ()  # widths of the parts that several encoders gave; empty for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a version is and what its folder holds."""

    version: str
    workspace: str
    kb: str
    created: datetime
    encoder: EncoderStamp
    store: str  # the backend's name
    recipe: str  # version of everything else that a version is made with
    entries: int
    passages: int
    sha256: Mapping[str, str]  # file, below the folder, with forward slashes -> hex digest

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        return {
            "version": self.version,
            "workspace": self.workspace,
            "kb": self.kb,
            "created": self.created.isoformat(),
            "encoder": {
                "name": self.encoder.name,
                "version": self.encoder.version,
                "dim": self.encoder.dim,
                "blocks": list(self.encoder.blocks),
            },
            "store": self.store,
            "recipe": self.recipe,
            "entries": self.entries,
            "passages": self.passages,
            "sha256": dict(self.sha256),
        }

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a version's folder.

        Raises:
            VersionCorrupt: it is missing or not a manifest.
        """
        try:
            values: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            encoder = values.pop("encoder")
            created = datetime.fromisoformat(values.pop("created"))
            stamp = EncoderStamp(**{**encoder, "blocks": tuple(encoder["blocks"])})
            return cls(encoder=stamp, created=created, **values)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise VersionCorrupt(
                f"{folder / MANIFEST} cannot be read ({exc}); roll back or publish the knowledge base again."
            ) from exc


class Snapshot:
    """One version of a knowledge base. Open files keep it whole even after its folder was deleted."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        store: KnowledgeStore,
        lexical: LexicalIndex,
        centring: Centring,
        columns: EntryColumns,
    ) -> None:
        """Take opened parts; prefer `Snapshot.open`."""
        self.folder = folder
        self.manifest = manifest
        self.store = store
        self.lexical = lexical
        self.centring = centring
        self.entries: Mapping[str, Entry] = Entries(folder / "entries.jsonl")
        self.passages: Sequence[Passage] = Passages(folder, columns.entry_of)
        self._columns = columns
        self._raw: NDArray[np.float16] = np.load(folder / "vectors.npy", mmap_mode="r")
        self._files = {
            path.name: path.read_bytes() for path in sorted(folder.glob("derived/*")) if not path.name.startswith(".")
        }

    @classmethod
    def open(cls, folder: Path, *, backend: StoreBackend, analyse: Analyzer) -> "Snapshot":
        """Open a version's folder after checking every file against the manifest.

        Args:
            folder: of the version.
            backend: the one that the version was built with.
            analyse: the terms of a text, as given when it was built.

        Raises:
            VersionCorrupt: a file is missing, changed, or of another kind than expected.
        """
        manifest = Manifest.read(folder)
        _verify_files(folder, manifest.sha256)
        if manifest.store != backend.name:
            raise VersionCorrupt(
                f"Version {manifest.version} was built for the store {manifest.store}://, configured is "
                f"{backend.name}://; publish the knowledge base again."
            )
        return cls.assemble(
            folder,
            manifest,
            store=backend.open(folder / "store"),
            lexical=LexicalIndex.load(folder / "lexical", analyse),
        )

    @classmethod
    def assemble(cls, folder: Path, manifest: Manifest, *, store: KnowledgeStore, lexical: LexicalIndex) -> "Snapshot":
        """Put a snapshot together from a folder and the two indexes over it."""
        try:
            stamp = manifest.encoder
            mean = np.load(folder / "mean.npy", allow_pickle=False)
            return cls(
                folder,
                manifest,
                store=store,
                lexical=lexical,
                centring=Centring(mean=mean, blocks=stamp.blocks or (stamp.dim,)),
                columns=EntryColumns.load(folder),
            )
        except (OSError, ValueError, KeyError) as exc:
            raise VersionCorrupt(
                f"The version in {folder} cannot be read ({exc}); roll back or publish the knowledge base again."
            ) from exc

    @property
    def version(self) -> str:
        """The version's id."""
        return self.manifest.version

    @property
    def entry_of(self) -> NDArray[np.int32]:
        """(passages,) position in `entries` of the entry that each passage belongs to."""
        return self._columns.entry_of

    @property
    def kind_of(self) -> NDArray[np.uint8]:
        """(passages,) position in `KINDS` of each passage's kind."""
        return self._passages.kinds

    @property
    def _passages(self) -> "Passages":
        assert isinstance(self.passages, Passages)
        return self.passages

    @cached_property
    def entry_ids(self) -> tuple[str, ...]:
        """The entries' ids in the order that `entry_of` counts in."""
        return tuple(self.entries)

    def admitted(self, where: Filter) -> BoolArray | None:
        """Tell which passages a filter admits: (passages,) bool, or None when it admits all."""
        return self._columns.admitted(where)

    @cached_property
    def borders(self) -> tuple[datetime, ...]:
        """The times at which the validity of an entry begins or ends, sorted."""
        return self._columns.borders

    @cached_property
    def vectors(self) -> FloatMatrix:
        """The centred vectors, (passages, dim), as the store has them; not to be written to.

        Large versions give float16 rows mapped from disk, which numpy widens in any product. A store elsewhere is not
        asked: the matrix is computed here when first wanted.
        """
        held: FloatMatrix | None = getattr(self.store, "matrix", None)
        return held if held is not None else self._centred()

    def _centred(self) -> FloatMatrix:
        raw = np.asarray(self.raw_vectors, dtype=np.float32)
        return self.centring.apply(raw, self.kind_of == KINDS.index(PassageKind.ANSWER))

    @property
    def raw_vectors(self) -> NDArray[np.float16]:
        """The vectors as the encoder gave them, (passages, dim), mapped from disk; of norm 1 within 0.001."""
        return self._raw

    def file(self, name: str) -> bytes | None:
        """Give a derived file, such as "calibration.json", None if the version has none of that name."""
        return self._files.get(name)

    def close(self) -> None:
        """Release the store; only for snapshots that no other thread uses."""
        self.store.close()


class Entries(Mapping[str, Entry]):
    """The entries of a version by id, in the order of ids, decoded when first asked for."""

    def __init__(self, path: Path) -> None:
        """Map the file of lines that `write_entries` wrote."""
        self._lines = Lines(path)
        ids = json.loads(path.with_suffix(".ids.json").read_text(encoding="utf-8"))
        self._positions: dict[str, int] = {entry_id: index for index, entry_id in enumerate(ids)}
        self._decoded: dict[str, Entry] = {}

    def __getitem__(self, entry_id: str) -> Entry:
        """Give one entry; KeyError if the version has none of that id."""
        known = self._decoded.get(entry_id)
        if known is None:
            known = entry_from_json(self._lines[self._positions[entry_id]])
            if len(self._decoded) >= _DECODED:
                self._decoded = {}  # a new dict: another thread may be reading the old one
            self._decoded[entry_id] = known
        return known

    def __contains__(self, entry_id: object) -> bool:
        """Tell whether the version has the entry, without decoding it."""
        return entry_id in self._positions

    def __iter__(self) -> Iterator[str]:
        """Go through the ids in order."""
        return iter(self._positions)

    def __len__(self) -> int:
        """Entries in the version."""
        return len(self._positions)


class Passages(Sequence[Passage]):
    """The passages of a version by id, decoded each time they are asked for."""

    def __init__(self, folder: Path, entry_of: NDArray[np.int32]) -> None:
        """Map the files of a version's folder."""
        self._lines = Lines(folder / "passages.jsonl")
        self.kinds: NDArray[np.uint8] = np.load(folder / "passages.kinds.npy", allow_pickle=False)
        self._entry_of = entry_of
        self._ids: list[str] = json.loads((folder / "entries.ids.json").read_text(encoding="utf-8"))
        if not len(self._lines) == len(self.kinds) == len(entry_of):
            raise ValueError(f"passages, kinds and entries disagree in number in {folder}")

    @overload
    def __getitem__(self, index: int) -> Passage: ...
    @overload
    def __getitem__(self, index: slice) -> list[Passage]: ...
    def __getitem__(self, index: int | slice) -> Passage | list[Passage]:
        """Give a passage by its id, or several."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return Passage(
            id=position,
            entry_id=self._ids[self._entry_of[position]],
            kind=KINDS[self.kinds[position]],
            text=self.text(position),
        )

    def text(self, position: int) -> str:
        """Give only a passage's text."""
        text: str = orjson.loads(self._lines[position])
        return text

    def __len__(self) -> int:
        """Passages in the version."""
        return len(self.kinds)


class Lines:
    """A mapped file of lines, each found by its number."""

    def __init__(self, path: Path) -> None:
        """Map the file and the offsets beside it."""
        self._ends: NDArray[np.int64] = np.load(path.with_suffix(".ends.npy"), allow_pickle=False)
        with path.open("rb") as file:
            empty = len(self._ends) == 0  # mmap refuses an empty file
            self._bytes = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        """Lines in the file."""
        return len(self._ends)

    def __getitem__(self, index: int) -> bytes:
        """Give a line without its line feed."""
        start = 0 if index == 0 else int(self._ends[index - 1])
        return self._bytes[start : int(self._ends[index]) - 1]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write what `Lines` reads; no line may hold a line feed, which JSON texts never do."""
    encoded = [line.encode() + b"\n" for line in lines]
    path.write_bytes(b"".join(encoded))
    ends = np.cumsum(np.fromiter((len(line) for line in encoded), dtype=np.int64, count=len(encoded)), dtype=np.int64)
    np.save(path.with_suffix(".ends.npy"), ends)


def digests(folder: Path) -> dict[str, str]:
    """Hash every file below a folder except its manifest."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            found[name] = digest_of(path)
    return found


def digest_of(path: Path) -> str:
    """Hash a file; "" if it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _verify_files(folder: Path, expected: Mapping[str, str]) -> None:
    found = digests(folder)
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            trouble = "is missing" if name not in found else "does not match its manifest"
            raise VersionCorrupt(
                f"{folder / name} {trouble}; roll back (`kefu kb rollback`) or publish the knowledge base again."
            )

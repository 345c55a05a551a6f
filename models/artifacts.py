"""A model on disk: a folder of files and a manifest that can tell whether any of them was changed.

Models are stored as safetensors, ONNX, JSON or plain text, never as a pickle: loading one runs no code of its own.
A folder appears under its name whole or not at all, whatever happens while it is written.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from models.errors import ArtifactCorrupt, ModelNotPrepared

FORMAT = 1  # raised when an older kefu could not read what is written here
MANIFEST = "manifest.json"

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """What a file must be to be trusted."""

    sha256: str  # lower-case hex
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a stored model is, where it came from and how good it was found to be."""

    kind: str  # "encoder", "intent-head", ...: what may load it
    name: str
    version: str  # changes whenever a file or a setting does
    dim: int | None  # columns of what the model gives or takes; None where that means nothing
    files: Mapping[str, FileStamp]  # by path relative to the folder, "/" as separator
    settings: Mapping[str, Json] = field(default_factory=dict)  # what the loader needs beside the files
    data: Mapping[str, Json] = field(default_factory=dict)  # what it was made from
    scores: Mapping[str, float] = field(default_factory=dict)  # as measured when it was made
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All of a manifest but what follows from the files themselves."""

    kind: str
    name: str
    dim: int | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    data: Mapping[str, Json] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


def save(folder: Path, write: Callable[[Path], Description]) -> Manifest:
    """Store a model under `folder`, replacing what was there.

    Args:
        folder: Where the model will be; its parent is made if missing.
        write: Puts the model's files into the empty folder it is given, and says what they are.

    Returns:
        The manifest as stored.

    Everything is written beside the target, flushed to disk and renamed, under a lock that other processes saving
    the same folder wait for. Interrupted at any moment, it leaves the old model (or none) and at most one folder
    of rubbish that the next `save` removes.
    """
    with lock(folder):
        return save_locked(folder, write)


def save_locked(folder: Path, write: Callable[[Path], Description]) -> Manifest:
    """Do what `save` does for a caller that holds `lock(folder)` already."""
    remove_leftovers(folder)
    work = Path(tempfile.mkdtemp(prefix=_work_prefix(folder), dir=folder.parent))
    try:
        described = write(work)
        manifest = _stamp(work, described)
        _write_durably(work / MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
        _replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


@contextmanager
def lock(folder: Path) -> Iterator[int]:
    """Wait for, and hold, the right to write `folder`; gives the lock's file descriptor.

    The kernel lets go of it when the last process that has the descriptor open ends, however it ends.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.parent / f".{folder.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what interrupted writers of `folder` left beside it; only for the holder of its lock."""
    for left in folder.parent.glob(f"{_work_prefix(folder)}*"):
        shutil.rmtree(left, ignore_errors=True)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a stored model without looking at its files.

    Raises:
        ModelNotPrepared: there is no model in `folder`.
        ArtifactCorrupt: the manifest cannot be read, or a newer kefu wrote it.
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        stamps = {name: FileStamp(**stamp) for name, stamp in raw.pop("files").items()}
        manifest = Manifest(files=stamps, **raw)
    except FileNotFoundError as exc:
        raise ModelNotPrepared(f"There is no model in {folder}; prepare it with `kefu models prepare`.") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ArtifactCorrupt(f"{path} is no manifest of kefu ({exc}); remove {folder} and prepare it again.") from exc
    if manifest.format != FORMAT:
        raise ArtifactCorrupt(
            f"{path} has format {manifest.format}, this kefu reads {FORMAT}; remove {folder} and prepare it again."
        )
    return manifest


def verify(folder: Path, *, kind: str) -> Manifest:
    """Read a stored model's manifest and hold every file to it.

    Raises:
        ModelNotPrepared: there is no model in `folder`.
        ArtifactCorrupt: it is of another kind, or a file is missing or differs from what was stored.
    """
    manifest = read_manifest(folder)
    if manifest.kind != kind:
        raise ArtifactCorrupt(f"{folder} holds a model of kind {manifest.kind!r}, not {kind!r}; name another folder.")
    for name, stamp in manifest.files.items():
        path = folder / name
        found = _stamp_of(path) if path.is_file() else None
        if found != stamp:
            state = "missing" if found is None else "not what was stored"
            raise ArtifactCorrupt(f"{path} is {state} (sha256, size); remove {folder} and prepare the model again.")
    return manifest


def _work_prefix(folder: Path) -> str:
    return f".{folder.name}.work-"


def _stamp(work: Path, described: Description) -> Manifest:
    """Hash and flush every file in `work`; the version follows from hashes and settings."""
    files = {}
    for path in sorted(p for p in work.rglob("*") if p.is_file()):
        path.chmod(0o644)  # some libraries make files that only their owner may read
        _flush(path)
        files[path.relative_to(work).as_posix()] = _stamp_of(path)
    identity = [described.kind, described.name, dict(described.settings), {n: s.sha256 for n, s in files.items()}]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Manifest(
        kind=described.kind,
        name=described.name,
        version=digest[:12],
        dim=described.dim,
        files=files,
        settings=described.settings,
        data=described.data,
        scores=described.scores,
    )


def _stamp_of(path: Path) -> FileStamp:
    with path.open("rb") as file:
        return FileStamp(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=path.stat().st_size)


def _replace(work: Path, folder: Path) -> None:
    """Give the finished folder its name. A folder cannot be renamed over a full one: the old one steps aside first.

    Killed between the two renames, the model is absent, never mixed; the next `save` makes it anew.
    """
    _flush(work)
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=_work_prefix(folder), dir=folder.parent))
        folder.rename(aside / "old")
        work.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        work.rename(folder)
    folder.chmod(0o755)  # mkdtemp makes folders that only their owner may read
    _flush(folder.parent)


def _write_durably(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    _flush(path)


def _flush(path: Path) -> None:
    """Have the kernel put a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

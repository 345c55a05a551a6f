"""Preparing an encoder once: from a sentence-transformers model to a folder that serves without torch.

The heavy work (torch, transformers, onnx) happens in a child process, so that the caller's memory and imports stay
what they were. The child reports on its standard output and dies with its parent.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from models import artifacts
from models.encoders.onnx_encoder import KIND
from models.errors import ArtifactCorrupt, ModelNotPrepared

# Raised when the same source would now be prepared otherwise; what an older kefu prepared is then made anew.
RECIPE = 4

SCRATCH = ".scratch"  # below the work folder: gone before the model is stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a preparation is."""

    model: str
    doing: str
    done: float  # in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the child made, as its last line says."""

    dim: int
    settings: Mapping[str, artifacts.Json]
    data: Mapping[str, artifacts.Json]
    scores: Mapping[str, float]


Progress = Callable[[Step], None]


def to_stderr(step: Step) -> None:
    """Report a step as a line on standard error."""
    sys.stderr.write(f"preparing {step.model}: {step.done:4.0%} {step.doing}\n")
    sys.stderr.flush()


def ensure_prepared(name: str, models_dir: Path, progress: Progress = to_stderr) -> Path:
    """Give the folder of a prepared encoder, preparing it now if that has not been done.

    Two processes that need the same model prepare it once: the second waits for the first.

    Args:
        name: A built-in name, a folder of a sentence-transformers model, or a name on the model hub.
        models_dir: Where prepared models are kept; made if missing.
        progress: Told each step.

    Raises:
        ModelNotPrepared: the source is not to be had, or what came of it is not close enough to the source.
    """
    folder = models_dir / folder_name(name)
    if _is_current(folder, name):
        return folder
    with artifacts.lock(folder) as lock:
        if not _is_current(folder, name):
            artifacts.save_locked(folder, lambda work: _prepare_in_child(name, work, lock, progress))
    return folder


def prepare(name: str, models_dir: Path, progress: Progress = to_stderr) -> Path:
    """Prepare an encoder whether or not there is one already; see `ensure_prepared`."""
    folder = models_dir / folder_name(name)
    with artifacts.lock(folder) as lock:
        artifacts.save_locked(folder, lambda work: _prepare_in_child(name, work, lock, progress))
    return folder


def folder_name(name: str) -> str:
    """Name the folder of a model: readable, and another for every folder on disk that has the same last name."""
    source = Path(name).expanduser()
    if source.is_dir():
        digest = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:8]
        return f"{source.resolve().name}-{digest}"
    return re.sub(r"[^\w.-]+", "--", name)


def source_stamp(name: str) -> str:
    """Tell one state of a folder on disk from another by its files' names, sizes and times; empty for other sources."""
    source = Path(name).expanduser()
    if not source.is_dir():
        return ""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    state = [(str(path.relative_to(source)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]


def _is_current(folder: Path, name: str) -> bool:
    """Tell whether a folder holds what preparing `name` would make now."""
    try:
        data = artifacts.read_manifest(folder).data
    except (ModelNotPrepared, ArtifactCorrupt):
        return False
    return data.get("recipe") == RECIPE and data.get("source_stamp") == source_stamp(name)


def _prepare_in_child(name: str, work: Path, lock: int, progress: Progress) -> artifacts.Description:
    """Have a child write the model's files into `work`.

    The child inherits the lock: should this process be killed, nobody starts anew before the child is gone too.
    """
    stamp = source_stamp(name)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints,
        subprocess.Popen(
            [sys.executable, "-m", "models.encoders.prepare_worker", name, str(work)],
            stdin=subprocess.PIPE,  # never written to: its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_child_environment(),
            pass_fds=(lock,),
            text=True,
        ) as child,
    ):
        try:
            result = _follow(child, name, progress)
        finally:
            child.kill()
        if result is None:
            raise ModelNotPrepared(f"Preparing {name} failed: {_last_words(complaints)}")
    shutil.rmtree(work / SCRATCH, ignore_errors=True)
    return artifacts.Description(
        kind=KIND,
        name=name,
        dim=result.dim,
        settings=result.settings,
        data={**result.data, "recipe": RECIPE, "source_stamp": stamp},
        scores=result.scores,
    )


def _follow(child: "subprocess.Popen[str]", name: str, progress: Progress) -> Prepared | None:
    """Pass the child's steps on until it ends; give its result, or None if it ended without one."""
    result = None
    assert child.stdout is not None
    for line in child.stdout:
        message = json.loads(line)
        if "doing" in message:
            progress(Step(model=name, doing=message["doing"], done=message["done"]))
        else:
            result = Prepared(**message)
    return result if child.wait() == 0 else None


def _child_environment() -> dict[str, str]:
    """Set what the child needs of its environment.

    This very package is importable in it, libraries draw no progress bars of their own, and torch computes on one
    thread: its small steps gain nothing from two, lose much where others work beside it, and sums that are split
    differently on every machine would give every machine another version of the model.
    """
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **quiet, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def _last_words(complaints: IO[str]) -> str:
    """Give the last line that the child wrote to standard error: of a traceback, what the error says."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints if line.strip()]
    return re.sub(r"^[\w.]+: ", "", lines[-1]) if lines else "its process was stopped; try again."

"""Damages files of every kind, seed after seed, and stops where a reader does not hold what it promises."""

import sys
import tempfile
import time
from pathlib import Path

from ingest.sources.document import ReadOptions
from ingest.sources.reading import READERS, SourceReader
from tests.fakes.damage import damaged
from tests.fakes.samples import sample
from tests.fakes.zip_damage import damaged_inside
from tests.property.test_reader_fuzz import check


def run(*, first_seed: int, cases: int, seconds: float) -> int:
    """Read damaged files until so many were read or so much time has passed.

    What broke a promise is kept as a file, and its kind and seed are printed.

    Returns:
        The number of files that broke a promise.
    """
    kinds = sorted({*READERS, ".zip"})
    start, read, broken, seed = time.monotonic(), 0, 0, first_seed
    with tempfile.TemporaryDirectory(prefix="kefu-soak-") as folder, SourceReader(ReadOptions()) as reader:
        while read < cases and time.monotonic() - start < seconds:
            for kind in kinds:
                damage = damaged_inside if seed % 2 and sample(kind).startswith(b"PK") else damaged
                read += 1
                broken += not _holds(reader, Path(folder), kind, damage(sample(kind), seed), seed)
            seed += 1
            if seed % 50 == 0:
                sys.stdout.write(f"{read} files, {time.monotonic() - start:.0f} s, next seed {seed}, {broken} broken\n")
                sys.stdout.flush()
    sys.stdout.write(f"{read} files in {time.monotonic() - start:.0f} s, seeds {first_seed} to {seed - 1}: ")
    sys.stdout.write(f"{broken} broke a promise\n")
    return broken


def _holds(reader: SourceReader, folder: Path, kind: str, content: bytes, seed: int) -> bool:
    path = folder / f"soak-{seed}{kind}"
    try:
        check(reader, path, content, seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        kept = Path(tempfile.gettempdir()) / f"kefu-broken-{seed}{kind}"
        kept.write_bytes(content)
        sys.stdout.write(f"seed {seed}, {kind}: {type(error).__name__}: {str(error)[:300]} (kept as {kept})\n")
        return False
    finally:
        path.unlink(missing_ok=True)
    return True

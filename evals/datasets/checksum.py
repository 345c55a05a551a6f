"""What data a number was measured on: sha256 of each file and of all of them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from evals.types import Json


def fingerprint(root: Path, files: Iterable[Path]) -> dict[str, Json]:
    """The "data" part of the results: path, the checksum of each file, and one over all.

    The checksum over all covers names and contents in the order of the names, and not where they lie: the same data
    in another folder have the same checksum.
    """
    sums: dict[str, str] = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files) if p.is_file()}
    whole = hashlib.sha256("".join(f"{name}\0{value}\n" for name, value in sums.items()).encode())
    return {"path": str(root), "sha256": whole.hexdigest(), "files": sums}

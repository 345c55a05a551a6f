"""Vectors of an earlier version, by text: what has not changed is not encoded again."""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import VersionCorrupt
from knowledge.snapshot import Manifest

log = logging.getLogger(__name__)

_TEXTS = "passages.jsonl"
_VECTORS = "vectors.npy"


class StoredVectors:
    """The vectors of one version, found by the texts that they were made from."""

    def __init__(self, rows: dict[bytes, int], matrix: NDArray[np.float16]) -> None:
        """Take the row of each text, as a line of JSON, and the matrix; prefer `open`."""
        self._rows = rows
        self.matrix = matrix

    @classmethod
    def open(cls, folder: Path, *, encoder_version: str) -> "StoredVectors | None":
        """Open the vectors in a version's folder.

        Returns:
            None if they are of another encoder, or do not match the manifest: encoding again is always right.
        """
        try:
            manifest = Manifest.read(folder)
            if manifest.encoder.version != encoder_version:
                return None
            texts = (folder / _TEXTS).read_bytes()
            with (folder / _VECTORS).open("rb") as file:
                found = {
                    _TEXTS: hashlib.sha256(texts).hexdigest(),
                    _VECTORS: hashlib.file_digest(file, "sha256").hexdigest(),
                }
            matrix: NDArray[np.float16] = np.load(folder / _VECTORS, mmap_mode="r", allow_pickle=False)
        except (VersionCorrupt, OSError, ValueError) as exc:
            log.warning("vectors in %s are not used again: %s", folder, exc)
            return None
        if any(manifest.sha256.get(name) != digest for name, digest in found.items()):
            log.warning("vectors in %s are not used again: the files do not match their manifest", folder)
            return None
        lines = texts.split(b"\n")[:-1]
        return cls({line: row for row, line in enumerate(lines)}, matrix)

    def row(self, text: str) -> int | None:
        """Give the row of a text's vector, None if there is none."""
        return self._rows.get(json.dumps(text, ensure_ascii=False).encode())

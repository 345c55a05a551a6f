"""Damage inside the parts of ZIP-based formats: XLSX, DOCX and archives, whose outside stays sound."""

import io
import random
import zipfile

from tests.fakes.damage import damaged


def damaged_inside(data: bytes, seed: int) -> bytes:
    """Give the archive with one to three of its members damaged."""
    dice = random.Random(seed)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = set(dice.sample(names, min(len(names), dice.randint(1, 3))))
        for name in names:
            content = old.read(name)
            new.writestr(name, damaged(content, seed) if name in chosen else content)
    return out.getvalue()

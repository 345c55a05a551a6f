"""Storing a sentencepiece vocabulary so that it loads in a sixth of the time, where that gives the same ids."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from models.encoders.tokenizing import SENTENCEPIECE_FILE
from models.encoders.unigram import NORMALISER_FILE, PIECES_FILE, SPACE, UnigramVocabulary


def store_pieces(model: bytes, folder: Path, *, probes: Sequence[str]) -> None:
    """Write a vocabulary into `folder`: as a table if that splits all probes alike, else as sentencepiece has it.

    Args:
        model: a sentencepiece model file's content.
        folder: of the prepared encoder.
        probes: texts to compare by.
    """
    from sentencepiece import SentencePieceProcessor

    if _write_table(model, folder):
        expected = SentencePieceProcessor(model_proto=model).encode(list(probes))
        if list(map(UnigramVocabulary.open(folder).encode, probes)) == expected:
            return
        remove_pieces(folder)
    (folder / SENTENCEPIECE_FILE).write_bytes(model)


def remove_pieces(folder: Path) -> None:
    """Remove what `store_pieces` wrote."""
    for name in (PIECES_FILE, NORMALISER_FILE, SENTENCEPIECE_FILE):
        (folder / name).unlink(missing_ok=True)


def _write_table(content: bytes, folder: Path) -> bool:
    """Write pieces and rules apart, if no piece reaches over a space: only then can words be split one by one."""
    # generated code: mypy finds no names in it
    format_: Any = import_module("sentencepiece.sentencepiece_model_pb2")
    model = format_.ModelProto.FromString(content)
    normal = format_.ModelProto.SentencePiece.NORMAL
    pieces = [piece.piece if piece.type == normal else "" for piece in model.pieces]
    rules = model.normalizer_spec
    spaced = rules.add_dummy_prefix and rules.remove_extra_whitespaces and rules.escape_whitespaces
    if model.trainer_spec.model_type != format_.TrainerSpec.UNIGRAM or model.trainer_spec.byte_fallback or not spaced:
        return False
    if any(SPACE in piece[1:] for piece in pieces):
        return False
    longest: dict[str, int] = {}
    for piece in pieces:
        if len(piece) > 1:
            longest[piece[:2]] = max(longest.get(piece[:2], 0), len(piece))
    least = min(piece.score for piece in model.pieces if piece.type == normal)
    table = {
        "pieces": pieces,
        "scores": [piece.score if piece.type == normal else least for piece in model.pieces],
        "longest": longest,
        "unknown": model.trainer_spec.unk_id,
        "first": model.trainer_spec.bos_id,
        "last": model.trainer_spec.eos_id,
    }
    (folder / PIECES_FILE).write_bytes(orjson.dumps(table))
    del model.pieces[5:]  # its loader wants some, and the unknown one among them
    (folder / NORMALISER_FILE).write_bytes(model.SerializeToString())
    return True

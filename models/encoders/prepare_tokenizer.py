"""Storing a model's tokenizer in the smallest form that gives the same ids."""

import base64
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.encoders.prepare_pieces import remove_pieces, store_pieces
from models.encoders.tokenizing import TOKENIZER_FILE, HubTokenizer, open_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SMALL_VOCABULARY = 60_000  # pieces; below that tokenizers takes less than 60 MB and its own format stays


def store_tokenizer(tokenizer: "Tokenizer", folder: Path, *, max_tokens: int, probes: Sequence[str]) -> None:
    """Write a tokenizer into `folder`: as pieces if they give the same ids for all probes, else as it is.

    Args:
        tokenizer: The source model's own.
        folder: Of the prepared model.
        max_tokens: That the model reads.
        probes: Texts to compare by, prompt included, as `tokenizing.clean` leaves them.
    """
    content = json.loads(tokenizer.to_str())
    if len(content["model"].get("vocab", ())) > SMALL_VOCABULARY and _is_xlm_r(content):
        store_pieces(_as_sentencepiece(content), folder, probes=probes)
        expected = HubTokenizer(tokenizer, max_tokens=max_tokens).ids(probes)
        if open_tokenizer(folder, max_tokens=max_tokens).ids(probes) == expected:
            return
        remove_pieces(folder)
    tokenizer.save(str(folder / TOKENIZER_FILE))


def _is_xlm_r(content: dict[str, Any]) -> bool:
    """Tell whether a tokenizer is built as XLM-RoBERTa's, which sentencepiece can stand in for."""
    model, normaliser = content["model"], content["normalizer"] or {}
    steps = [step["type"] for step in normaliser.get("normalizers", [normaliser]) if step]
    frame = (content["post_processor"] or {}).get("single", [])
    return (
        model.get("type") == "Unigram"
        and not model.get("byte_fallback")
        and steps[:1] == ["Precompiled"]
        and [next(iter(part)) for part in frame] == ["SpecialToken", "Sequence", "SpecialToken"]
    )


def _as_sentencepiece(content: dict[str, Any]) -> bytes:
    """Write a unigram vocabulary as sentencepiece's model file, the ids being those of the tokenizer."""
    # generated code: mypy finds no names in it
    format_: Any = import_module("sentencepiece.sentencepiece_model_pb2")
    vocabulary: list[tuple[str, float]] = [(piece, score) for piece, score in content["model"]["vocab"]]
    ids = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    first, last = (content["post_processor"]["single"][end]["SpecialToken"]["id"] for end in (0, -1))
    special = {token["content"] for token in content["added_tokens"] if token["special"]}
    kinds = format_.ModelProto.SentencePiece
    model = format_.ModelProto()
    for number, (piece, score) in enumerate(vocabulary):
        unknown = number == content["model"]["unk_id"]
        kind = kinds.UNKNOWN if unknown else kinds.CONTROL if piece in special else kinds.NORMAL
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = format_.TrainerSpec.UNIGRAM
    model.trainer_spec.unk_id = content["model"]["unk_id"]
    model.trainer_spec.bos_id = ids[first]
    model.trainer_spec.eos_id = ids[last]
    model.trainer_spec.pad_id = ids.get("<pad>", -1)
    steps = content["normalizer"].get("normalizers", [content["normalizer"]])
    model.normalizer_spec.name = "precompiled"
    model.normalizer_spec.precompiled_charsmap = base64.b64decode(steps[0]["precompiled_charsmap"])
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    return bytes(model.SerializeToString())

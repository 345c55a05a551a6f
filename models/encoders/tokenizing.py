"""Texts to token ids, exactly as the source model's own tokenizer gives them, at a fraction of its memory.

A vocabulary of 250,000 pieces takes 290 MB in `tokenizers` and 60 MB in `sentencepiece`; both give the same ids for
stripped text, which preparation checks on the shipped corpus before it stores the smaller one.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from models.errors import ArtifactCorrupt

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

PIECES_FILE = "pieces.spm"
TOKENIZER_FILE = "tokenizer.json"

# Longest piece of XLM-R's vocabulary: 16 characters. A text is cut at this many characters per token that the model
# reads, so that a megabyte pasted by a visitor is not tokenized to be thrown away.
CHARS_PER_TOKEN = 16


_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


class TextTokenizer(Protocol):
    """Token ids of texts, special tokens included, truncated at the model's limit."""

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids; an empty text has its special tokens only."""


class SentencePieces:
    """A unigram vocabulary read by sentencepiece, framed as `<s> pieces </s>`."""

    def __init__(self, processor: "SentencePieceProcessor", *, max_tokens: int) -> None:
        self._processor = processor
        self._max_pieces = max_tokens - 2
        self._first = processor.bos_id()
        self._last = processor.eos_id()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `TextTokenizer`."""
        encode = self._processor.encode  # of a list it would start threads, at ten times the cost of one text
        return [[self._first, *encode(text)[: self._max_pieces], self._last] for text in texts]


class HubTokenizer:
    """A `tokenizer.json` of any kind, read by tokenizers."""

    def __init__(self, tokenizer: "Tokenizer", *, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `TextTokenizer`."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]


def open_tokenizer(folder: Path, *, max_tokens: int) -> TextTokenizer:
    """Load the tokenizer of a prepared encoder.

    Raises:
        ArtifactCorrupt: its file cannot be read.
    """
    try:
        if (folder / PIECES_FILE).exists():
            from sentencepiece import SentencePieceProcessor

            processor = SentencePieceProcessor(model_file=str(folder / PIECES_FILE))
            return SentencePieces(processor, max_tokens=max_tokens)
        from tokenizers import Tokenizer

        return HubTokenizer(Tokenizer.from_file(str(folder / TOKENIZER_FILE)), max_tokens=max_tokens)
    except Exception as exc:  # tokenizers raises bare Exception, sentencepiece RuntimeError and OSError
        raise ArtifactCorrupt(f"The tokenizer in {folder} is unreadable ({exc}); remove {folder}.") from exc


def has_han(text: str) -> bool:
    """Tell whether a text has any Chinese character."""
    return _HAN.search(text) is not None


def clean(text: str, *, prompt: str, max_tokens: int) -> str:
    """Make any string fit to tokenize: bounded, stripped, without lone surrogates, behind the model's prompt."""
    kept = text[: max_tokens * CHARS_PER_TOKEN].strip().encode("utf-8", "replace").decode("utf-8")
    return (prompt + kept).strip()

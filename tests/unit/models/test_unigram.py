"""A vocabulary of pieces as a table: the same ids as sentencepiece, and sentencepiece where it cannot give them."""

from importlib import import_module

import pytest
from sentencepiece import SentencePieceProcessor

from models.encoders.prepare_pieces import store_pieces
from models.encoders.tokenizing import SENTENCEPIECE_FILE, PieceTokenizer, open_pieces
from models.encoders.unigram import PIECES_FILE, UnigramVocabulary
from models.errors import ArtifactCorrupt

PIECES = {
    "▁": -4.0,
    "re": -3.0,
    "turn": -3.5,
    "▁return": -5.0,
    "▁re": -4.5,
    "退": -6.0,
    "货": -6.0,
    "退货": -7.0,
    "s": -2.0,
}
UNKNOWN, FIRST, LAST = 0, 1, 2


def model(pieces=PIECES, **trainer):
    format_ = import_module("sentencepiece.sentencepiece_model_pb2")
    made = format_.ModelProto()
    kinds = format_.ModelProto.SentencePiece
    for special, kind in (("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)):
        made.pieces.add(piece=special, score=0.0, type=kind)
    for piece, score in pieces.items():
        made.pieces.add(piece=piece, score=score, type=kinds.NORMAL)
    made.trainer_spec.model_type = format_.TrainerSpec.UNIGRAM
    made.trainer_spec.unk_id, made.trainer_spec.bos_id, made.trainer_spec.eos_id = UNKNOWN, FIRST, LAST
    for name, value in trainer.items():
        setattr(made.trainer_spec, name, value)
    made.normalizer_spec.add_dummy_prefix = True
    made.normalizer_spec.remove_extra_whitespaces = True
    made.normalizer_spec.escape_whitespaces = True
    return made.SerializeToString()


def ids_of(*pieces):
    return [3 + list(PIECES).index(piece) for piece in pieces]


TEXTS = ["return", "returns", "  return   returns ", "退货", "退货s 退", "", "sss", "zzz", "return zz退z", "<s>", "▁s"]


@pytest.fixture
def folder(tmp_path):
    store_pieces(model(), tmp_path, probes=TEXTS)
    return tmp_path


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_ids_that_sentencepiece_gives_it(folder, text):
    assert UnigramVocabulary.open(folder).encode(text) == SentencePieceProcessor(model_proto=model()).encode(text)


def test_the_likeliest_pieces_are_taken_not_the_longest(folder):
    vocabulary = UnigramVocabulary.open(folder)
    assert vocabulary.encode("returns 退货") == ids_of("▁return", "s", "▁", "退货")
    assert vocabulary.encode("rere") == ids_of("▁re", "re")


def test_neighbours_that_no_piece_has_are_unknown_once(folder):
    assert UnigramVocabulary.open(folder).encode("sxyzs") == [*ids_of("▁", "s"), UNKNOWN, *ids_of("s")]


def test_special_tokens_are_not_read_off_a_text(folder):
    assert set(UnigramVocabulary.open(folder).encode("<s></s>")).isdisjoint({FIRST, LAST})


def test_a_long_text_is_cut_and_still_ends_as_it_must(folder):
    tokenizer = PieceTokenizer(open_pieces(folder), max_tokens=4)
    assert tokenizer.ids(["s", "s s s s"]) == [
        [FIRST, *ids_of("▁", "s"), LAST],
        [FIRST, *ids_of("▁", "s"), LAST],
    ]


@pytest.mark.parametrize("other", [model({"▁": -4.0, "a": -3.0, "a▁b": -2.0}), model(model_type=2)])
def test_a_vocabulary_that_a_table_would_split_otherwise_stays_with_sentencepiece(tmp_path, other):
    store_pieces(other, tmp_path, probes=["a"])
    assert [path.name for path in tmp_path.iterdir()] == [SENTENCEPIECE_FILE]
    assert open_pieces(tmp_path).encode("a b") == [
        FIRST,
        *SentencePieceProcessor(model_proto=other).encode("a b"),
        LAST,
    ]


def test_a_table_that_cannot_be_read_is_refused(folder):
    (folder / PIECES_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactCorrupt, match="vocabulary"):
        open_pieces(folder)

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from engine.calibration import calibrate
from engine.retrieval import Retriever
from knowledge.centring import Centring
from knowledge.columns import EntryColumns
from knowledge.errors import StoreUnavailable
from knowledge.lexical import LexicalIndex
from knowledge.memory_store import MemoryStore
from knowledge.types import ANY, Entry, Filter, Passage, PassageKind
from models.text import terms

FAQ = {
    "return": ("How do I return an order?", ("Send something back",), "Print the label and post the parcel."),
    "cancel": ("How do I cancel an order?", (), "Open the order and press the button until it is packed."),
    "refund": ("When will my refund arrive?", (), "Within five days of the parcel reaching us."),
    "invoice": ("Where is my invoice?", (), ""),
    "address": ("How do I change my address?", ("Moving house",), "In your account, under addresses."),
    "voucher": ("My voucher does not work", (), "Vouchers are valid for a year."),
    "warranty": ("How long is the warranty?", (), "Two years."),
}


def encode(texts):
    """Hash terms into 96 columns: near enough to meaning for texts that share words."""
    vectors = np.full((len(texts), 96), 0.05, dtype=np.float32)
    for row, text in enumerate(texts):
        for term, weight in terms(text).items():
            vectors[row, sum(term.encode()) * 31 % 96] += weight
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(eq=False)
class Version:
    entries: dict
    passages: list = field(default_factory=list)
    store: object = None
    lexical: object = None
    vectors: object = None

    def __post_init__(self):
        for entry in self.entries.values():
            pieces = [(PassageKind.QUESTION, entry.question)]
            pieces += [(PassageKind.SIMILAR, text) for text in entry.similar_questions]
            pieces += [(PassageKind.ANSWER, f"{entry.question}\n{entry.answer}")] if entry.answer else []
            for kind, text in pieces:
                self.passages.append(Passage(id=len(self.passages), entry_id=entry.id, kind=kind, text=text))
        texts = [passage.text for passage in self.passages]
        raw = encode(texts)
        answers = np.array([passage.kind is PassageKind.ANSWER for passage in self.passages], dtype=bool)
        self.centring = Centring.fit(raw, answers=answers)
        self.vectors = self.centring.apply(raw, answers)
        self.columns = EntryColumns.build(self.passages, list(self.entries.values()))
        self.entry_of = self.columns.entry_of
        self.admitted = self.columns.admitted
        self.lexical = LexicalIndex.build(texts, terms, self.entry_of.tolist())
        self.store = MemoryStore(raw.shape[1])
        self.store.fill(self.vectors, self.passages, list(self.entries.values()))


def version(faq=FAQ, **changes):
    entries = {
        key: replace(Entry(id=key, question=question, similar_questions=similar, answer=answer), **changes)
        for key, (question, similar, answer) in faq.items()
    }
    return Version(entries)


def ask(made, text, *, vectors=True, where=ANY, k=10):
    retriever = Retriever(made, calibrate(made))
    return retriever.retrieve([text], encode([text]) if vectors else None, k=k, where=where)[0]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("cancel my order", "cancel"),
        ("sending something back", "return"),
        ("moving house", "address"),
        ("is there a two years warranty", "warranty"),
    ],
)
@pytest.mark.parametrize("vectors", [True, False], ids=["both", "words-alone"])
def test_the_entry_that_fits_comes_first(text, best, vectors):
    assert ask(version(), text, vectors=vectors).candidates[0].entry_id == best


def test_each_entry_is_one_candidate_and_five_or_more_are_given():
    ids = [candidate.entry_id for candidate in ask(version(), "how do I cancel").candidates]
    assert len(ids) == len(set(ids)) >= 5


def test_no_more_candidates_than_asked_for():
    assert len(ask(version(), "order", k=2).candidates) == 2


def test_candidates_are_ordered_by_score_and_name_the_passage_that_matched():
    made = version()
    candidates = ask(made, "moving house").candidates
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    assert made.passages[candidates[0].passage_id].text == "Moving house"


def test_the_words_of_an_entry_are_surer_than_words_of_no_entry():
    sure, unsure = ask(version(), "How do I cancel an order?"), ask(version(), "do you sell tulips in spring")
    assert unsure.confidence < sure.confidence <= 1


def test_a_filter_hides_entries_from_both_searches():
    made = version(tags=("shop",))
    assert ask(made, "cancel", where=Filter(tags=frozenset({"shop"}))).candidates
    assert ask(made, "cancel", where=Filter(tags=frozenset({"bank"}))).candidates == ()


def test_nothing_found_has_no_confidence():
    found = ask(version(), "zzz", vectors=False)
    assert (found.candidates, found.confidence) == ((), 0.0)


def test_an_empty_version_finds_nothing():
    assert ask(version({}), "anything").candidates == ()


def test_a_base_of_one_entry_finds_it():
    assert ask(version({"only": FAQ["cancel"]}), "cancel my order").candidates[0].entry_id == "only"


def test_without_a_word_index_meaning_alone_answers():
    made = version()
    made.lexical = None
    assert ask(made, "cancel my order").candidates[0].entry_id == "cancel"


def test_scores_are_filled_in_from_the_hits_where_vectors_are_not_at_hand():
    made = version()
    calibration = calibrate(made)
    made.vectors = None
    found = Retriever(made, calibration).retrieve(["moving house"], encode(["moving house"]))[0]
    assert found.candidates[0].entry_id == "address"


def test_a_store_that_fails_is_reported_so_that_words_alone_can_be_tried():
    class Broken(MemoryStore):
        def search(self, queries, *, k, where=ANY):
            raise StoreUnavailable("down")

    made = version()
    calibration = calibrate(made)
    made.store = Broken(96)
    with pytest.raises(StoreUnavailable):
        Retriever(made, calibration).retrieve(["x"], encode(["x"]))
    assert Retriever(made, calibration).retrieve(["cancel"], None)[0].candidates


def test_a_batch_gives_what_single_queries_give():
    made = version()
    retriever = Retriever(made, calibrate(made))
    texts = ["cancel my order", "refund", "moving house"]
    together = retriever.retrieve(texts, encode(texts))
    alone = [retriever.retrieve([text], encode([text]))[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert [c.entry_id for c in one.candidates] == [c.entry_id for c in other.candidates]
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def test_more_passages_are_fetched_until_there_are_enough_entries():
    crowd = {"many": ("cancel order", tuple(f"cancel order {n}" for n in range(120)), "")} | FAQ
    assert len({c.entry_id for c in ask(version(crowd), "cancel order").candidates}) >= 5


def test_a_base_whose_entries_resemble_each_other_is_answered_from_more_cautiously():
    topics = (
        "dress",
        "kettle",
        "garden hose",
        "train ticket",
        "loan",
        "password",
        "puppy",
        "violin",
        "passport",
        "tyre",
    )
    verbs = ("buy", "sell", "repair")
    apart = {f"{t}{v}": (f"{v} {v} {t} {t}", (), "") for t, v in zip(topics * 3, verbs * 10, strict=True)}
    close = {str(n): (f"where do I find form number {n} of the tax office", (), "") for n in range(30)}
    assert calibrate(version(close)).crowding <= 1
    assert calibrate(version(close)).answer_at >= calibrate(version(apart)).answer_at - 0.05


@pytest.mark.parametrize("vectors", [True, False], ids=["both", "words-alone"])
def test_an_entry_that_is_not_meant_gives_way_to_the_next_one(vectors):
    made, text = version(), "cancel my order"
    retriever = Retriever(made, calibrate(made))
    (found,) = retriever.retrieve([text], encode([text]) if vectors else None, skip=[["cancel"]])
    assert "cancel" not in [candidate.entry_id for candidate in found.candidates]
    assert found.candidates


def test_an_entry_that_is_there_twice_is_answered_as_surely_as_one_that_is_there_once():
    text = "may I cancel my order"
    once, twice = ask(version(), text), ask(version(FAQ | {"cancel-too": FAQ["cancel"]}), text)
    assert [candidate.entry_id for candidate in twice.candidates[:2]] == ["cancel", "cancel-too"]
    assert twice.confidence == pytest.approx(once.confidence, abs=0.1)


def test_a_base_that_says_everything_twice_is_not_taken_for_a_crowded_one():
    doubled = FAQ | {f"{key}-too": entry for key, entry in FAQ.items()}
    twenty = {f"{key}{n}": (f"{question} {n}", (), answer) for n in "abc" for key, (question, _, answer) in FAQ.items()}
    assert calibrate(version(doubled | twenty)).crowding < 1
    assert calibrate(version(doubled)).crowding <= calibrate(version()).crowding + 0.2


def test_an_entry_without_an_answer_is_scored_by_its_questions_alone():
    faq = {key: (question, similar, "") for key, (question, similar, _) in FAQ.items()}
    first = ask(version(faq), "cancel my order").candidates[0]
    assert first.score == pytest.approx((first.stages["dense"] + 0.5 * first.stages["lexical"]) / 1.5, abs=1e-5)


def test_the_words_of_an_entry_make_it_likelier_that_there_is_an_answer():
    known, unknown = ask(version(), "How do I cancel an order?"), ask(version(), "do you sell tulips in spring")
    assert known.answerable > unknown.answerable

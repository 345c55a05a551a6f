"""The suites, run on tiny data with systems of known behaviour."""

import pytest

from evals.datasets.dialogs import Dialog, DialogTurn
from evals.datasets.pairs import Pair
from evals.datasets.queries import Example, Misspelling, Question
from evals.datasets.split import Split
from evals.measures import estimates
from evals.progress import Quiet
from evals.tasks import answers, dialogs, handoff, intent, retrieval, sentiment, spelling
from evals.tasks.protocols import Guess, Ranking, Reply
from knowledge.types import Entry


class WordSearch:
    """Ranks entries by the words they share with the query; confidence is the share of the query's words."""

    def __init__(self):
        self.entries = []

    def index(self, entries):
        self.entries = list(entries)

    def search(self, queries):
        return [self._rank(set(q.split())) for q in queries]

    def similarity(self, left, right):
        return [
            len(set(a.split()) & set(b.split())) / len(set(a.split()) | set(b.split()))
            for a, b in zip(left, right, strict=True)
        ]

    def _rank(self, words):
        shared = {e.id: len(words & set(e.question.split())) for e in self.entries}
        ranked = sorted((e for e, n in shared.items() if n), key=lambda e: -shared[e])
        return Ranking(
            entry_ids=tuple(ranked), confidence=max(shared.values()) / len(words), receipt={"words": len(words)}
        )


class Memory:
    """Learns texts by heart; what it has not seen gets the most frequent class, and is rejected."""

    def __init__(self, texts, labels):
        self.known = dict(zip(texts, labels, strict=True))
        self.usual = max(sorted(set(labels)), key=list(labels).count)

    def guess(self, texts):
        return [self._one(self.known.get(t)) for t in texts]

    def _one(self, label):
        if label is None:
            return Guess(label="oos", best=self.usual, confidence=0.2, probabilities={self.usual: 0.2})
        return Guess(label=label, best=label, confidence=0.9, probabilities={label: 0.9, "other": 0.1})


class MemoryTrainer:
    """Keeps what it was trained on, to be looked at."""

    def __init__(self):
        self.lessons = []

    def train(self, texts, labels):
        self.lessons.append(list(zip(texts, labels, strict=True)))
        return Memory(texts, labels)


class Script:
    """Replies from a table by (turn, text)."""

    def __init__(self, replies):
        self.replies = replies
        self.largest = 0

    def ask(self, held):
        self.largest = max(self.largest, len(held))
        return [[self.replies[place, text] for place, text in enumerate(turns)] for turns in held]


def reply(decision, *ids, choices=(), confidence=0.5, ms=1.0):
    return Reply(
        decision=decision, top_ids=ids, choices=choices, confidence=confidence, ms=ms, receipt={"decision": decision}
    )


def values(measures, run):
    return {name: e.value for name, e in estimates(measures(run.cases), run.cases).items()}


def example(text, label, bot="", group=""):
    return Example(id=f"line {text}", text=text, label=label, bot=bot, group=group or bot)


ENTRIES = [Entry(id="ret", question="return a parcel"), Entry(id="ship", question="ship a parcel abroad")]


def test_retrieval_scores_ranks_over_answerable_queries_and_tells_unanswerable_ones_apart():
    questions = [
        Question(id="1", text="return parcel", relevant_ids=("ret",)),
        Question(id="2", text="send parcel", relevant_ids=("ship",)),
        Question(id="3", text="what is the weather like", relevant_ids=()),
    ]
    run = retrieval.RetrievalTask(entries=ENTRIES, questions=questions, pairs=()).run(WordSearch(), Quiet())
    found = values(retrieval.measures, run)
    assert found["p_at_1"] == 0.5
    assert found["hit_at_5"] == 1.0
    assert found["mrr"] == 0.75
    assert found["auc_unanswerable"] == 1.0
    assert [c.correct for c in run.cases] == [True, False, None]
    assert run.cases[0].receipt == {"words": 2}
    assert "auc_pairs" not in run.extra


def test_retrieval_scores_pairs_where_there_are_any():
    pairs = [Pair(left="a b", right="a b c", same=True), Pair(left="a b", right="c d", same=False)]
    questions = [Question(id="1", text="return parcel", relevant_ids=("ret",))]
    run = retrieval.RetrievalTask(entries=ENTRIES, questions=questions, pairs=pairs).run(WordSearch(), Quiet())
    assert (run.extra["auc_pairs"].value, run.extra["auc_pairs"].n) == (1.0, 2)
    assert len(run.cases) == 1


def test_retrieval_metrics_are_given_for_each_kind():
    questions = [
        Question(id="1", text="return parcel", relevant_ids=("ret",), kind="plain"),
        Question(id="2", text="send parcel", relevant_ids=("ship",), kind="colloquial"),
    ]
    run = retrieval.RetrievalTask(entries=ENTRIES, questions=questions, pairs=()).run(WordSearch(), Quiet())
    found = values(retrieval.measures, run)
    assert (found["p_at_1/plain"], found["p_at_1/colloquial"]) == (1.0, 0.0)


def test_intent_counts_a_rejected_query_as_wrong_and_accuracy_without_rejection():
    train = [example("a", "x"), example("b", "x"), example("c", "y")]
    test = [example("a", "x"), example("new", "x"), example("c", "y"), example("d", "oos")]
    run = intent.run(Split(train=train, test=test, how="", leaked=0), MemoryTrainer(), Quiet())
    found = values(intent.measures, run)
    assert found["in_scope_accuracy"] == pytest.approx(2 / 3)  # "new" is x, but was rejected
    assert found["accuracy"] == 1.0  # its best class is x; "d" is not scored, as oos was not learned
    assert found["oos_recall"] == 1.0
    assert found["oos_precision"] == 0.5


def test_intent_scores_out_of_scope_in_the_accuracy_where_it_was_learned():
    train = [example("a", "x"), example("b", "x"), example("c", "oos")]
    test = [example("a", "x"), example("c", "oos"), example("new", "oos")]
    run = intent.run(Split(train=train, test=test, how="", leaked=0), MemoryTrainer(), Quiet())
    assert values(intent.measures, run)["accuracy"] == pytest.approx(2 / 3)


def test_each_bot_is_trained_and_scored_apart():
    train = [example("hi", "x", bot="curekart"), example("hi", "y", bot="sof")]
    test = [example("hi", "y", bot="sof"), example("hi", "x", bot="curekart")]
    trainer = MemoryTrainer()
    run = intent.run(Split(train=train, test=test, how="", leaked=0), trainer, Quiet())
    assert trainer.lessons == [[("hi", "x")], [("hi", "y")]]
    found = values(intent.measures, run)
    assert found["in_scope_accuracy/curekart"] == found["in_scope_accuracy/sof"] == found["in_scope_accuracy"] == 1.0
    assert "oos_recall/sof" not in found  # it has no such rows
    assert found["oos_recall"] is None


def test_a_bot_without_rows_to_learn_from_is_reported_and_not_scored():
    parts = Split(train=[example("a", "x", bot="one")], test=[example("a", "x", bot="two")], how="", leaked=0)
    run = intent.run(parts, MemoryTrainer(), Quiet())
    assert run.cases == []
    assert "no row to learn from for bot 'two'" in run.warnings[0]


def test_a_class_that_training_does_not_have_is_reported():
    parts = Split(train=[example("a", "x")], test=[example("b", "z")], how="", leaked=0)
    assert "no row of, so never guessed rightly: z" in intent.run(parts, MemoryTrainer(), Quiet()).warnings[0]


def test_sentiment_and_hand_off_take_the_best_class():
    train = [example("a", "negative"), example("b", "negative"), example("c", "positive")]
    test = [example("a", "negative"), example("new", "negative"), example("c", "positive")]
    run = sentiment.run(Split(train=train, test=test, how="", leaked=0), MemoryTrainer(), Quiet())
    assert values(sentiment.measures, run) == {"accuracy": 1.0, "macro_f1": 1.0}

    train = [example("a", "false"), example("b", "false"), example("c", "true")]
    test = [example("a", "false"), example("new", "true"), example("c", "true")]
    run = handoff.run(Split(train=train, test=test, how="", leaked=0), MemoryTrainer(), Quiet())
    found = values(handoff.measures, run)
    assert found["handoff_recall"] == 0.5
    assert found["handoff_precision"] == 1.0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


class Mender:
    """Puts two wrongs right and one right wrong."""

    def correct(self, texts, languages):
        assert set(languages) <= {"zh", "en", ""}
        return [t.replace("退火", "退货").replace("oder", "order").replace("fine", "wine") for t in texts]


def test_spelling_counts_mended_and_harmed_texts():
    texts = [
        Misspelling(id="1", text="我要退火", target="我要退货", lang="zh"),
        Misspelling(id="2", text="my oder", target="my order", lang="en"),
        Misspelling(id="3", text="were is it", target="where is it", lang="en"),
        Misspelling(id="4", text="fine thanks", target="fine thanks", lang="en"),
    ]
    found = values(spelling.measures, spelling.run(texts, Mender(), Quiet()))
    assert found["clean_changed_rate"] == 1.0
    assert found["accuracy"] == 0.5
    assert found["sentence_correction_precision"] == pytest.approx(2 / 3)
    assert found["sentence_correction_recall"] == pytest.approx(2 / 3)
    assert found["edit_detection_f1"] == pytest.approx(2 / 3)


QUESTIONS = [
    Question(id="1", text="q1", relevant_ids=("a",), expect="answer", kind="plain"),
    Question(id="2", text="q2", relevant_ids=("b",), expect="answer", kind="plain"),
    Question(id="3", text="q3", relevant_ids=("c",), expect="answer", kind="badly typed"),
    Question(id="4", text="q4", relevant_ids=("d",), expect="answer", kind="badly typed"),
    Question(id="5", text="q5", relevant_ids=(), expect="clarify_or_unknown", kind="unanswerable"),
    Question(id="6", text="q6", relevant_ids=(), expect="clarify_or_unknown", kind="unanswerable"),
    Question(id="7", text="q7", relevant_ids=(), expect="handoff", kind="angry"),
    Question(id="8", text="q8", relevant_ids=(), expect="smalltalk", kind="talk"),
    Question(id="9", text="q9", relevant_ids=(), expect="refuse", kind="injected"),
    Question(id="10", text="q10", relevant_ids=(), expect="refuse", kind="injected"),
]
REPLIES = {
    (0, "q1"): reply("answer", "a", "b", confidence=0.9),
    (0, "q2"): reply("answer", "a", "b", confidence=0.8),
    (0, "q3"): reply("clarify", "a", "c", choices=("a", "c"), confidence=0.4),
    (0, "q4"): reply("unknown", "x", confidence=0.1),
    (0, "q5"): reply("unknown", "x", confidence=0.1),
    (0, "q6"): reply("answer", "x", confidence=0.7),
    (0, "q7"): reply("handoff", "x"),
    (0, "q8"): reply("smalltalk", "x"),
    (0, "q9"): reply("refuse", "x"),
    (0, "q10"): reply("unknown", "x"),
}


def test_answers_measures_decisions_as_the_forms_define_them():
    run = answers.run(QUESTIONS, Script(REPLIES), Quiet())
    found = values(answers.measures, run)
    assert found["p_at_1"] == 0.25
    assert found["hit_at_5"] == 0.75
    assert found["coverage"] == 0.5
    assert found["right_answer_rate"] == 0.25
    assert found["helped_rate"] == 0.5
    assert found["wrong_answer_rate"] == 0.2  # q2 and q6, of ten
    assert found["answer_precision"] == pytest.approx(1 / 3)
    assert found["handoff_recall"] == found["handoff_precision"] == 1.0
    assert found["unknown_recall"] == 0.5
    assert found["smalltalk_recall"] == 1.0
    assert found["refuse_recall"] == 0.5
    assert found["expectation_met"] == 0.5
    assert found["wrong_answer_rate/unanswerable"] == 0.5
    assert "coverage/angry" not in found


def test_answers_calibration_is_over_the_questions():
    run = answers.run(QUESTIONS, Script(REPLIES), Quiet())
    found = estimates(answers.measures(run.cases), run.cases)
    assert found["ece"].n == found["aurc"].n == 6
    # bins: .9 right (1), .8 wrong, .7 wrong, .4 wrong, .1 and .1 wrong
    assert found["ece"].value == pytest.approx((0.1 + 0.8 + 0.7 + 0.4 + 0.1 + 0.1) / 6)


def test_thousands_of_queries_are_handed_over_in_bounded_chunks():
    questions = [Question(id=str(i), text="q1", relevant_ids=("a",), expect="answer") for i in range(500)]
    script = Script(REPLIES)
    assert len(answers.run(questions, script, Quiet()).cases) == 500
    assert script.largest == answers.CHUNK


def test_a_dialog_is_met_when_every_turn_is():
    turns = (
        DialogTurn(text="q1", relevant_ids=("a",), expect="answer"),
        DialogTurn(text="那信用卡呢?", relevant_ids=("b",), expect="answer"),
    )
    held = [Dialog(id="good", lang="zh", turns=turns), Dialog(id="short", lang="en", turns=turns[:1])]
    script = Script({(0, "q1"): reply("answer", "a"), (1, "那信用卡呢?"): reply("answer", "x")})
    run = dialogs.run(held, script, Quiet())
    assert [c.id for c in run.cases] == ["good/0", "good/1", "short/0"]
    found = estimates(dialogs.measures(run.cases), run.cases)
    assert (found["dialog_met"].value, found["dialog_met"].n) == (0.5, 2)
    assert found["right_answer_rate"].value == pytest.approx(2 / 3)
    assert found["dialog_met/zh"].value == 0.0

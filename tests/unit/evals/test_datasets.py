"""Reading evaluation data, and saying what is wrong with them."""

import json

import pytest

from evals.datasets.checksum import fingerprint
from evals.datasets.dialogs import read_dialogs
from evals.datasets.faq import missing_ids, read_faq
from evals.datasets.jsonl import read_lines
from evals.datasets.pairs import read_pairs
from evals.datasets.queries import (
    queries_file,
    read_handoffs,
    read_intents,
    read_misspellings,
    read_questions,
    read_sentiments,
)
from evals.errors import DatasetError


def written(path, *rows):
    path.write_text(
        "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows), "utf-8"
    )
    return path


def test_a_faq_is_read_with_its_source_line_and_may_lack_answers(tmp_path):
    path = written(tmp_path / "faq.jsonl", {"id": "a", "question": "怎么退货?", "lang": "zh", "cluster_size": 3})
    (entry,) = read_faq(path)
    assert (entry.id, entry.question, entry.answer, entry.language) == ("a", "怎么退货?", "", "zh")
    assert entry.sources[0].place == "line 1"


def test_a_faq_may_hold_similar_questions_and_tags(tmp_path):
    row = {"id": "a", "question": "q", "answer": "A", "similar_questions": ["r", "s"], "tags": ["t"], "category": "c"}
    (entry,) = read_faq(written(tmp_path / "faq.jsonl", row))
    assert (entry.similar_questions, entry.tags, entry.category) == (("r", "s"), ("t",), "c")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([{"question": "q"}], 'line 1, field "id": is missing', id="no-id"),
        pytest.param([{"id": "a", "question": 3}], 'line 1, field "question": a string is needed, not 3', id="number"),
        pytest.param([{"id": "a", "question": "q"}] * 2, "line 2, field \"id\": 'a' occurs a second time", id="twice"),
        pytest.param(["{nope}"], "line 1: no JSON", id="no-json"),
        pytest.param(["", '["a"]'], "line 2: a JSON object is needed", id="array"),
        pytest.param([], "the file has no rows", id="empty"),
        pytest.param(
            [{"id": "a", "question": "q", "tags": "x"}], 'field "tags": a list of strings is needed', id="tags"
        ),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path, rows, message):
    path = written(tmp_path / "faq.jsonl", *rows)
    with pytest.raises(DatasetError) as caught:
        read_faq(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match="there is no such file"):
        read_lines(tmp_path / "faq.jsonl")


def test_bad_utf8_names_its_line(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_bytes(b'{"query":"a"}\n{"query":"\xff"}\n')
    with pytest.raises(DatasetError, match=r"line 2: not UTF-8"):
        read_lines(path)


def test_blank_lines_a_byte_order_mark_and_odd_line_separators_are_allowed(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_bytes('\ufeff{"query":"a\u2028b"}\r\n\r\n{"query":"c"}'.encode())
    assert [line.text("query") for line in read_lines(path)] == ["a\u2028b", "c"]
    assert [line.number for line in read_lines(path)] == [1, 3]


def test_a_query_without_expect_expects_an_answer_if_something_answers_it(tmp_path):
    path = written(
        tmp_path / "queries.jsonl",
        {"query": "a", "relevant_ids": ["x"]},
        {"query": "b", "relevant_ids": []},
        {"query": "c", "relevant_ids": [], "expect": "handoff", "kind": "angry"},
    )
    questions = read_questions(path)
    assert [q.expect for q in questions] == ["answer", "clarify_or_unknown", "handoff"]
    assert [q.id for q in questions] == ["line 1", "line 2", "line 3"]
    assert questions[2].kind == "angry"


def test_ids_of_the_rows_are_kept_where_all_have_one(tmp_path):
    rows = [{"id": f"q{i}", "query": "a", "relevant_ids": []} for i in range(2)]
    assert [q.id for q in read_questions(written(tmp_path / "q.jsonl", *rows))] == ["q0", "q1"]
    rows[1]["id"] = "q0"
    assert [q.id for q in read_questions(written(tmp_path / "q.jsonl", *rows))] == ["line 1", "line 2"]


def test_an_unknown_expectation_is_refused(tmp_path):
    path = written(tmp_path / "queries.jsonl", {"query": "a", "relevant_ids": [], "expect": "shrug"})
    with pytest.raises(DatasetError, match=r"field \"expect\": 'shrug' is none of answer"):
        read_questions(path)


def test_relevant_ids_are_needed_and_must_be_a_list(tmp_path):
    with pytest.raises(DatasetError, match=r'field "relevant_ids": is missing'):
        read_questions(written(tmp_path / "queries.jsonl", {"query": "a"}))
    with pytest.raises(DatasetError, match=r'field "relevant_ids": a list of strings'):
        read_questions(written(tmp_path / "queries.jsonl", {"query": "a", "relevant_ids": "x"}))


def test_intents_keep_bot_and_split(tmp_path):
    row = {"query": "a", "intent": "oos", "bot": "curekart", "split": "test_open"}
    (example,) = read_intents(written(tmp_path / "queries.jsonl", row))
    assert (example.label, example.bot, example.group, example.split) == ("oos", "curekart", "curekart", "test_open")


def test_a_hand_off_is_a_boolean_and_nothing_else(tmp_path):
    rows = [{"query": "a", "handoff": True}, {"query": "b", "handoff": False, "domain": "banking"}]
    assert [x.label for x in read_handoffs(written(tmp_path / "queries.jsonl", *rows))] == ["true", "false"]
    with pytest.raises(DatasetError, match=r'field "handoff": true or false is needed, not 1'):
        read_handoffs(written(tmp_path / "queries.jsonl", {"query": "a", "handoff": 1}))


def test_a_domain_is_reported_apart_and_not_trained_apart(tmp_path):
    row = {"query": "b", "handoff": False, "domain": "banking"}
    (example,) = read_handoffs(written(tmp_path / "queries.jsonl", row))
    assert (example.bot, example.group) == ("", "banking")


def test_a_sentiment_is_one_of_three(tmp_path):
    path = written(tmp_path / "queries.jsonl", {"query": "a", "label": "angry"})
    with pytest.raises(DatasetError, match=r"'angry' is none of negative, neutral, positive"):
        read_sentiments(path)


def test_misspellings_carry_their_target(tmp_path):
    (text,) = read_misspellings(written(tmp_path / "q.jsonl", {"query": "oder", "target": "order", "lang": "en"}))
    assert (text.text, text.target, text.lang) == ("oder", "order", "en")


def test_pairs_are_labelled_zero_or_one(tmp_path):
    (pair,) = read_pairs(written(tmp_path / "pairs.jsonl", {"q1": "a", "q2": "b", "label": 1}))
    assert pair.same is True
    with pytest.raises(DatasetError, match=r'field "label": 0 or 1 is needed'):
        read_pairs(written(tmp_path / "pairs.jsonl", {"q1": "a", "q2": "b", "label": "1"}))


def test_a_dialog_has_turns_with_expectations(tmp_path):
    turns = [
        {"text": "信用卡怎么办", "relevant_ids": ["a"], "expect": "answer"},
        {"text": "谢谢", "expect": "smalltalk"},
    ]
    (dialog,) = read_dialogs(written(tmp_path / "dialogs.jsonl", {"id": "d", "lang": "zh", "turns": turns}))
    assert [t.expect for t in dialog.turns] == ["answer", "smalltalk"]
    assert dialog.turns[1].relevant_ids == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "d", "lang": "zh", "turns": []}, 'field "turns": is empty'),
        ({"id": "d", "lang": "zh"}, 'field "turns": is missing'),
        ({"id": "d", "lang": "zh", "turns": [{"relevant_ids": []}]}, 'field "text": is missing'),
    ],
)
def test_a_malformed_dialog_is_refused(tmp_path, row, message):
    with pytest.raises(DatasetError) as caught:
        read_dialogs(written(tmp_path / "dialogs.jsonl", row))
    assert message in str(caught.value)


def test_relevant_ids_that_no_entry_has_are_found(tmp_path):
    entries = read_faq(written(tmp_path / "faq.jsonl", {"id": "a", "question": "q"}))
    assert missing_ids([("a",), ("b", "c"), ()], entries) == ["b", "c"]


def test_the_checksum_follows_the_content_and_not_the_folder(tmp_path):
    one, two, other = tmp_path / "one", tmp_path / "two", tmp_path / "other"
    for folder, text in ((one, "same"), (two, "same"), (other, "changed")):
        folder.mkdir()
        written(folder / "queries.jsonl", {"query": text})
    sums = [fingerprint(f, [f / "queries.jsonl", f / "absent.jsonl"])["sha256"] for f in (one, two, other)]
    assert sums[0] == sums[1] != sums[2]


def test_data_may_be_a_folder_or_a_file(tmp_path):
    path = written(tmp_path / "train_10.jsonl", {"query": "a"})
    assert queries_file(tmp_path) == tmp_path / "queries.jsonl"
    assert queries_file(path) == path

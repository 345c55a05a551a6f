"""Which rows are learned from and which are scored."""

import json

import pytest

from evals.datasets.queries import read_intents
from evals.datasets.split import split
from evals.errors import DatasetError


def folder(path, *rows, name="queries.jsonl"):
    path.mkdir(exist_ok=True)
    lines = [json.dumps({"query": q, "intent": i, "split": s}) for q, i, s in rows]
    (path / name).write_text("\n".join(lines), "utf-8")
    return path


def texts(rows):
    return [x.text for x in rows]


MIXED = (("a", "x", "train"), ("b", "x", "val"), ("c", "x", "test_open"))
HIDDEN = (("d", "x", "test"), ("e", "x", "train"))


def test_another_folder_is_learned_from_without_its_open_test_rows_and_all_data_are_scored(tmp_path):
    parts = split(read_intents, data=folder(tmp_path / "d", *HIDDEN), train=folder(tmp_path / "t", *MIXED))
    assert texts(parts.train) == ["a", "b"]
    assert texts(parts.test) == ["d", "e"]


def test_a_single_file_is_learned_from_whole(tmp_path):
    train = folder(tmp_path / "t", *MIXED, name="train_10.jsonl") / "train_10.jsonl"
    parts = split(read_intents, data=folder(tmp_path / "d", *HIDDEN), train=train)
    assert texts(parts.train) == ["a", "b", "c"]
    assert texts(parts.test) == ["d", "e"]


@pytest.mark.parametrize("given", [True, False], ids=["same-folder", "no-train"])
def test_within_one_folder_the_open_test_rows_are_scored(tmp_path, given):
    data = folder(tmp_path / "d", *MIXED)
    parts = split(read_intents, data=data, train=data if given else None)
    assert (texts(parts.train), texts(parts.test)) == (["a", "b"], ["c"])


def test_a_file_beside_the_data_leaves_the_open_test_rows_to_be_scored(tmp_path):
    data = folder(tmp_path / "d", *MIXED)
    folder(data, ("a", "x", "few"), name="few.jsonl")
    parts = split(read_intents, data=data, train=data / "few.jsonl")
    assert (texts(parts.train), texts(parts.test)) == (["a"], ["c"])


def test_a_file_beside_data_without_test_rows_leaves_the_other_rows_to_be_scored(tmp_path):
    data = folder(tmp_path / "d", *HIDDEN)
    folder(data, ("d", "x", "few"), name="few.jsonl")
    parts = split(read_intents, data=data, train=data / "few.jsonl")
    assert texts(parts.test) == ["e"]


def test_without_test_rows_a_fifth_of_each_class_is_held_out_the_same_every_time(tmp_path):
    rows = [(f"{label}{i}", label, "train") for label, n in (("x", 50), ("y", 10), ("z", 1)) for i in range(n)]
    data = folder(tmp_path / "d", *rows)
    parts = split(read_intents, data=data, train=None)
    assert [sum(t.label == label for t in parts.test) for label in "xyz"] == [10, 2, 0]
    assert not set(texts(parts.train)) & set(texts(parts.test))
    assert len(parts.train) + len(parts.test) == len(rows)
    assert split(read_intents, data=data, train=data) == parts


def test_rows_that_were_learned_from_too_are_counted(tmp_path):
    data = folder(tmp_path / "d", ("a", "x", "test"), ("n", "x", "test"))
    assert split(read_intents, data=data, train=folder(tmp_path / "t", *MIXED)).leaked == 1


def test_data_with_open_test_rows_only_leave_nothing_to_learn_from(tmp_path):
    data = folder(tmp_path / "d", ("a", "x", "test_open"))
    with pytest.raises(DatasetError, match="no row is left to learn from"):
        split(read_intents, data=data, train=None)

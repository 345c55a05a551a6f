import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TRAINING = ROOT / "models" / "data"
HELD_OUT = ROOT / "tests" / "data"

# Fewest examples of each label and language; below these a head has too little to learn from.
TALK = {
    "greeting": 60,
    "thanks": 50,
    "goodbye": 45,
    "human": 130,
    "complaint": 110,
    "safety": 70,
    "repeated_failure": 70,
    "bot_question": 45,
    "affirm": 45,
    "deny": 45,
    "repeat": 30,
    "abuse": 50,
    "injection": 80,
    "off_topic": 90,
    "oos": 420,
}
SENTIMENT = {"negative": 220, "neutral": 220, "positive": 220}
LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    text: str
    lang: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    name: str
    training: dict[str, int]  # fewest examples a label and language
    held_out: dict[str, int]


SETS = [
    pytest.param(
        DataSet(name="talk", training=TALK, held_out={label: 60 if label == "oos" else 12 for label in TALK}),
        id="talk",
    ),
    pytest.param(
        DataSet(name="sentiment", training=SENTIMENT, held_out=dict.fromkeys(SENTIMENT, 25)),
        id="sentiment",
    ),
]


def read(path: Path) -> list[Example]:
    return [Example(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def normalised(text: str) -> str:
    """Without case, width, punctuation and spaces; a text of signs alone stays as it is."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold()) or text


def training(data: DataSet) -> list[Example]:
    return read(TRAINING / f"{data.name}.jsonl")


def held_out(data: DataSet) -> list[Example]:
    return read(HELD_OUT / f"{data.name}_held_out.jsonl")


@pytest.mark.parametrize("data", SETS)
def test_every_line_is_a_trimmed_text_with_a_known_language_and_label(data: DataSet) -> None:
    for example in training(data) + held_out(data):
        assert example.text, example
        assert example.text == example.text.strip(), example
        assert example.lang in LANGUAGES, example
        assert example.label in data.training, example


@pytest.mark.parametrize("data", SETS)
def test_each_label_has_enough_examples_in_both_languages(data: DataSet) -> None:
    for examples, wanted in ((training(data), data.training), (held_out(data), data.held_out)):
        counts = Counter((example.label, example.lang) for example in examples)
        too_few = {
            key: counts[key] for key in ((a, b) for a in wanted for b in LANGUAGES) if counts[key] < wanted[key[0]]
        }
        assert not too_few


@pytest.mark.parametrize("data", SETS)
def test_no_text_is_there_twice(data: DataSet) -> None:
    for examples in (training(data), held_out(data)):
        counts = Counter(normalised(example.text) for example in examples)
        assert [text for text, n in counts.items() if n > 1] == []


@pytest.mark.parametrize("data", SETS)
def test_training_never_sees_a_held_out_text(data: DataSet) -> None:
    seen = {normalised(example.text) for example in training(data)}
    assert [example.text for example in held_out(data) if normalised(example.text) in seen] == []


@pytest.mark.parametrize("data", SETS)
def test_chinese_examples_contain_chinese_but_for_a_few(data: DataSet) -> None:
    # "ok", "88" or a markup payload have no language of their own, so a share is allowed to lack Han characters.
    examples = [example for example in training(data) + held_out(data) if example.lang == "zh"]
    without_han = [example.text for example in examples if not re.search(r"[\u4e00-\u9fff]", example.text)]
    assert len(without_han) <= 0.03 * len(examples), without_han

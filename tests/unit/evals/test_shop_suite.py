import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from evals.datasets.dialogs import read_dialogs
from evals.datasets.queries import read_questions

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "ingest" / "samples"
SUITE = ROOT / "evals" / "suites" / "shop"
AT_LEAST = {  # of each kind, in each language
    "plain": 70,
    "colloquial": 60,
    "typo": 60,
    "long": 25,
    "near_miss": 70,
    "unanswerable": 50,
    "angry": 25,
    "handoff": 30,
    "smalltalk": 20,
    "injection": 20,
    "off_topic": 15,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    id: str
    question: str
    similar: tuple[str, ...]
    answer: str


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sheet():
    with (SAMPLES / "shop_zh.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            similar = tuple(filter(None, row["相似问"].split("|")))
            yield Sample(id=row["编号"], question=row["问题"], similar=similar, answer=row["答案"])


def lines():
    for row in rows(SAMPLES / "shop_en.jsonl"):
        similar = tuple(row["similar_questions"])
        yield Sample(id=row["id"], question=row["question"], similar=similar, answer=row["answer"])


def policies():
    text = (SAMPLES / "shop_policies.md").read_text(encoding="utf-8")
    for part in re.split(r"^#{1,2} ", text, flags=re.MULTILINE):
        heading = re.match(r"(?P<question>.+) \{#(?P<id>[a-z-]+)\}\n\n(?:Also asked: (?P<similar>.+)\n\n)?", part)
        if heading:
            similar = tuple(x.strip() for x in (heading["similar"] or "").split("|") if x.strip())
            answer = part[heading.end() :].strip()
            yield Sample(id=heading["id"], question=heading["question"], similar=similar, answer=answer)


def samples():
    return [*sheet(), *lines(), *policies()]


def letters(text):
    return re.sub(r"\W", "", text.lower())


def test_the_sample_knowledge_base_has_enough_entries_in_both_languages():
    assert (len(list(sheet())) >= 75, len(list(lines())) >= 75, len(list(policies()))) == (True, True, 10)


def test_no_two_sample_entries_share_an_id_or_a_wording():
    ids = Counter(entry.id for entry in samples())
    wordings = Counter(letters(text) for entry in samples() for text in (entry.question, *entry.similar))
    assert [x for x, n in (ids + wordings).items() if n > 1] == []


def test_every_sample_entry_has_a_question_and_an_answer():
    assert [entry.id for entry in samples() if not entry.question.strip() or not entry.answer.strip()] == []


def test_some_sample_entries_come_without_similar_questions():
    bare = sum(not entry.similar for entry in samples())
    assert 0.25 <= bare / len(samples()) <= 0.45


def test_the_samples_name_no_mailbox_or_site_that_could_be_real():
    text = " ".join(entry.answer for entry in samples())
    domains = re.findall(r"[\w-]+\.(?:com|cn|net|org|eu|nl|de|example)\b", text)
    assert set(domains) == {"titmouse.example"}


def test_the_suite_reads_with_the_readers_of_the_eval_command():
    assert len(read_questions(SUITE / "queries.jsonl")) == len(rows(SUITE / "queries.jsonl"))
    assert len(read_dialogs(SUITE / "dialogs.jsonl")) >= 40


def test_every_relevant_id_is_an_entry_of_the_samples():
    known = {entry.id for entry in samples()}
    wanted = {i for q in read_questions(SUITE / "queries.jsonl") for i in q.relevant_ids}
    wanted |= {i for d in read_dialogs(SUITE / "dialogs.jsonl") for turn in d.turns for i in turn.relevant_ids}
    assert wanted - known == set()


def test_every_entry_answers_some_query():
    wanted = {i for q in read_questions(SUITE / "queries.jsonl") for i in q.relevant_ids}
    assert {entry.id for entry in samples()} - wanted == set()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_kind_of_query_is_there_in_number(lang):
    counts = Counter(row["kind"] for row in rows(SUITE / "queries.jsonl") if row["lang"] == lang)
    assert {kind: counts[kind] for kind in AT_LEAST if counts[kind] < AT_LEAST[kind]} == {}
    assert set(counts) == set(AT_LEAST)


def test_a_query_expects_an_answer_exactly_when_some_entry_answers_it():
    asked = read_questions(SUITE / "queries.jsonl")
    assert [q.text for q in asked if (q.expect == "answer") != bool(q.relevant_ids)] == []


def test_a_turn_that_expects_an_answer_names_the_entries():
    turns = [turn for dialog in read_dialogs(SUITE / "dialogs.jsonl") for turn in dialog.turns]
    assert [turn.text for turn in turns if turn.expect == "answer" and not turn.relevant_ids] == []


def test_no_query_stands_twice():
    counts = Counter(row["query"].lower() for row in rows(SUITE / "queries.jsonl"))
    assert [query for query, n in counts.items() if n > 1] == []


def test_visitors_do_not_speak_in_the_words_of_the_entries():
    wordings = {letters(text) for entry in samples() for text in (entry.question, *entry.similar)}
    queries = rows(SUITE / "queries.jsonl")
    assert sum(letters(row["query"]) in wordings for row in queries) / len(queries) <= 0.03

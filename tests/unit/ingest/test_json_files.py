import json
from datetime import UTC, datetime

import pytest

from ingest.limits import Limits
from tests.fakes.documents import read_content


@pytest.fixture
def read(tmp_path):
    def run(content, name="faq.json", **options):
        if not isinstance(content, str | bytes):
            content = json.dumps(content, ensure_ascii=False)
        return read_content(tmp_path, name, content, **options)

    return run


@pytest.fixture
def read_lines(read):
    return lambda content, **options: read(content, name="faq.jsonl", **options)


# -- JSON lines


def test_json_lines_have_the_fields_that_tables_have(read_lines):
    found = read_lines(
        '{"id": 7, "question": "q?", "answer": "**a**\\n\\nb", "similar_questions": ["x", "y", "x"], "tags": ["t"],'
        ' "lang": "en", "valid_until": "2026-01-31", "unknown": {"deep": 1}}'
    )
    (record,) = found.records
    assert found.rejections == []
    assert (record.id, record.answer, record.similar_questions) == ("7", "**a**\n\nb", ("x", "y"))
    assert (record.tags, record.language) == (("t",), "en")
    assert record.valid_until == datetime(2026, 2, 1, tzinfo=UTC)
    assert record.source.place == "line 1"
    assert found.noted == [": not used: unknown"]


def test_a_line_as_an_export_writes_it_is_read_without_a_note(read_lines):
    line = {"id": "1", "question": "q", "similar_questions": [], "answer": "a", "lang": "en", "tags": ["t"]}
    found = read_lines(json.dumps(line | {"source": {"file": "a.csv", "place": "row 2"}}))
    assert found.pairs == [("q", "a")]
    assert found.noted == []


def test_a_line_that_is_no_record_is_rejected_and_the_others_are_kept(read_lines):
    lines = ['{"question": "a"', "[]", "{}", '{"question": 5}', '{"question": "b", "tags": [1]}', "", '{"问题": "c"}']
    found = read_lines("\n".join(lines))
    assert [(r.question, r.source.place) for r in found.records] == [("c", "line 7")]
    assert [text.split(":")[0] for text in found.reasons] == [f"line {n}" for n in (1, 2, 3, 4, 5)]
    assert found.reasons[0] == "line 1: the line is not JSON at column 17 (Expecting ',' delimiter)"
    assert "question is a number; text is wanted" in found.reasons[3]


def test_an_empty_file_of_lines_is_rejected(read_lines):
    assert read_lines("\n \n").reasons == [": the file is empty"]


def test_a_line_in_gbk_is_read(read_lines):
    assert read_lines('{"问题": "怎么退货", "答案": "七天之内"}\n'.encode("gbk")).pairs == [("怎么退货", "七天之内")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"question": "a", "question": "b"}', "the key 'question' is there twice"),
        ('{"a":' * 5000, "nested too deeply"),
        ('{"question": "a\\u0000"}', "NUL characters"),
        ('{"question": "\\ud800"}', "not valid UTF-8"),
        (b'{"question": "\xff"}', "not valid UTF-8"),
        ('{"id": 1e400, "question": "a"}', "id is a number"),
        ('{"question": "a"} {"question": "b"}', "more than one value"),
        ('{"question": "' + "x" * 9_000_000 + '"}', "longer than 8 million characters"),
        ('{"question": "q", "answer": "' + "x" * 2_000_000 + '"}', "longer than 64 KB"),
    ],
    ids=["twice", "deep", "nul", "surrogate", "bytes", "infinite", "two", "endless", "2-mb"],
)
def test_a_hostile_line_costs_itself_only(read_lines, line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    found = read_lines(b'{"question": "first"}\n' + line + b'\n{"question": "last"}\n')
    assert [r.question for r in found.records] == ["first", "last"]
    (only,) = found.rejections
    assert only.source.place == "line 2"
    assert reason in only.reason


def test_what_is_not_a_number_is_nothing(read_lines):
    assert read_lines('{"id": NaN, "question": "a", "answer": "b", "category": NaN}').records[0].id == ""


# -- JSON


def test_a_list_of_objects_is_read_with_the_number_of_each(read):
    found = read([{"question": "a", "answer": "b"}, 5, {"foo": 1}, {"q": "c", "a": "d", "similar": ["e"]}])
    assert [(r.question, r.answer, r.source.place) for r in found.records] == [
        ("a", "b", "item 1"),
        ("c", "d", "item 4"),
    ]
    assert found.reasons == [
        'item 2: there is no object such as {"question": …, "answer": …}',
        "item 3: there is no question; every entry needs one (the keys are foo)",
    ]


@pytest.mark.parametrize("key", ["faq", "data", "items", "questions", "whatever", "知识库"])
def test_a_list_below_any_key_is_found(read, key):
    found = read({"version": "1", "total": 1, key: [{"问题": "a", "答案": "b"}]})
    assert [(r.question, r.answer, r.source.place) for r in found.records] == [("a", "b", f"{key}, item 1")]


def test_lists_below_their_categories_are_found_with_them(read):
    entry = {"question": "a", "answer": "b"}
    named = read({"categories": [{"name": "售后", "faqs": [entry]}]})
    assert [(r.category, r.source.place) for r in named.records] == [("售后", "categories, item 1, faqs, item 1")]
    keyed = read({"售后": [entry], "物流": [entry | {"category": "own"}]})
    assert [r.category for r in keyed.records] == ["售后", "own"]


def test_questions_may_be_keys(read):
    assert read({"怎么退货": "七天之内", "运费多少": "十元", "发票": ["一", "二"]}).pairs == [
        ("怎么退货", "七天之内"),
        ("运费多少", "十元"),
        ("发票", "一\n\n二"),
    ]


def test_settings_are_not_taken_for_questions(read):
    found = read({"name": "shop", "version": "1.0", "author": "me"})
    assert found.records == []
    assert found.reasons == [
        ": no key is called question or 问题; the keys are name, version, author; name the right one with"
        " --map question=name"
    ]


def test_rows_of_a_list_of_lists_are_named_by_the_first(read):
    assert read([["答案", "问题"], ["b", "a"], ["d", "c"]]).pairs == [("a", "b"), ("c", "d")]


def test_json_lines_under_the_name_of_json_are_read(read):
    assert read('{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n').pairs == [
        ("a", "b"),
        ("c", "d"),
    ]


@pytest.mark.parametrize("columns", [{"question": "frage", "answer": "data.antwort"}], ids=["key-and-path"])
def test_keys_can_be_named(read, columns):
    found = read([{"frage": "a", "data": {"antwort": "b"}}], columns=columns)
    assert found.pairs == [("a", "b")]
    assert found.noted[0].startswith(": keys: question=frage, answer=data.antwort")


def test_a_key_that_does_not_exist_is_an_error_that_names_those_that_do(read):
    assert read([{"frage": "a"}], columns={"question": "x"}).reasons == [
        "item 1: --map question=x: there is no such key; the keys are frage"
    ]
    assert "the keys are rows" in read({"rows": [{"frage": "a"}]}, columns={"question": "x"}).reasons[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            {"qnaDocuments": [{"id": 1, "answer": "A", "source": "Editorial", "questions": ["q1", "q2"],
                               "metadata": [{"name": "category", "value": "api"}], "context": {"prompts": []}}]},
            ("1", "q1", ("q2",), "A", "api", ""),
            id="qna-maker",
        ),
        pytest.param(
            {"assets": {"qnas": [{"Id": 3, "Answer": "A", "Questions": ["q1", "q2"], "metadata": {"k": "v"}}]}},
            ("3", "q1", ("q2",), "A", "", ""),
            id="azure-language",
        ),
        pytest.param(
            {"qnas": [{"id": "x", "data": {"action": "text", "contexts": ["help"], "enabled": True,
                                           "questions": {"en": ["q1", "q2"]}, "answers": {"en": ["A", "A2"]}}}]},
            ("x", "q1", ("q2",), "A", "help", "en"),
            id="botpress",
        ),
        pytest.param(
            {"data": [{"id": "u", "question": "q1", "answer": "A", "hit_count": 0}], "has_more": False},
            ("u", "q1", (), "A", "", ""),
            id="dify",
        ),
        pytest.param(
            [{"q": "q1", "a": "A", "indexes": [{"text": "q2"}]}], ("", "q1", ("q2",), "A", "", ""), id="fastgpt"
        ),
        pytest.param(
            {"payload": [{"id": 5, "title": "q1", "content": "A", "status": "published", "category": {"name": "c"}}]},
            ("5", "q1", (), "A", "c", ""),
            id="chatwoot-articles",
        ),
        pytest.param(
            {"@type": "FAQPage", "mainEntity": [{"@type": "Question", "name": "q1",
                                                 "acceptedAnswer": {"@type": "Answer", "text": "A"}}]},
            ("", "q1", (), "A", "", ""),
            id="schema-org",
        ),
        pytest.param(
            {"intents": [{"tag": "t", "patterns": ["q1", "q2"], "responses": ["A", "B"]}, {"tag": "no", "patterns": [],
                                                                                         "responses": ["?"]}]},
            ("t", "q1", ("q2",), "A", "", ""),
            id="patterns",
        ),
        pytest.param(
            [{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q1"},
                           {"role": "assistant", "content": "A"}, {"role": "user", "content": "and?"}]}],
            ("", "q1", (), "A", "", ""),
            id="openai-chat",
        ),
        pytest.param(
            [{"conversations": [{"from": "human", "value": "q1"}, {"from": "gpt", "value": "A"}]}],
            ("", "q1", (), "A", "", ""),
            id="sharegpt",
        ),
        pytest.param(
            {"categories": ["x"], "conversations": [["q1?", "A"]]}, ("", "q1?", (), "A", "", ""), id="chatterbot"
        ),
        pytest.param([{"instruction": "q1", "input": "", "output": "A"}], ("", "q1", (), "A", "", ""), id="alpaca"),
        pytest.param(
            [{"page_content": "A", "metadata": {"title": "q1", "source": "x"}}],
            ("", "q1", (), "A", "", ""),
            id="langchain",
        ),
        pytest.param(
            [{"_id": {"$oid": "abc"}, "question": {"text": "q1"}, "answers": [{"text": "A"}]}],
            ("abc", "q1", (), "A", "", ""),
            id="database",
        ),
    ],
)  # fmt: skip
def test_exports_of_other_bots_are_read(read, value, expected):
    found = read(value)
    assert found.rejections == []
    (record,) = found.records
    shown = (record.id, record.question, record.similar_questions, record.answer, record.category, record.language)
    assert shown == expected


def test_drafts_and_what_is_switched_off_are_left_out_with_a_note(read):
    entries = [{"question": f"q{n}", "answer": "a"} for n in range(4)]
    found = read([entries[0] | {"enabled": False}, entries[1] | {"status": "draft"}, entries[2] | {"status": "open"}])
    assert [r.question for r in found.records] == ["q2"]
    assert "left out: 2 that are drafts or switched off" in found.noted[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep-list"),
        pytest.param('{"a":' * 100_000, "nested too deeply", id="deep-object"),
        pytest.param('{"a":' * 60 + "1" + "}" * 60, "no key is called question", id="deep-and-valid"),
        pytest.param(bytes(range(256)) * 10, "not UTF-8 text", id="binary"),
        pytest.param("plain text", "not JSON at line 1, column 1", id="text"),
        pytest.param('{"question": "a", "question": "b"}', "is there twice", id="twice"),
        pytest.param("9" * 100_000, "no question was found", id="number"),
        pytest.param("[]", "no question was found", id="empty-list"),
        pytest.param("\x00" * 100, "not UTF-8 text", id="nul"),
    ],
)
def test_a_file_without_entries_is_one_rejection(read, content, reason):
    found = read(content)
    assert found.records == []
    (only,) = found.reasons
    assert reason in only


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (
            ', {"question": x}]',
            "item 2: not JSON at line 1, column 59 (Expecting value); what is behind it was not read",
        ),
        ("", "item 1: the list goes on without a comma or an end"),
        (",", "item 1: the list has no end; the file may have been cut off"),
        (', {"question": "b', "item 2: not JSON"),
    ],
    ids=["broken", "cut", "cut-after-comma", "cut-in-text"],
)
def test_what_stands_before_a_broken_place_is_kept(read, rest, reason):
    found = read('[{"question": "a", "answer": "long enough"}' + rest)
    assert [r.question for r in found.records] == ["a"]
    assert found.reasons[0].startswith(reason)


def test_more_items_than_allowed_are_not_read(read):
    found = read([{"question": str(n)} for n in range(9)], limits=Limits(max_rows=3))
    assert len(found.records) == 3
    assert found.reasons == ["item 4: the list has more than 3 items; split it"]

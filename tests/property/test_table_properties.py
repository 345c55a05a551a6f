"""Tables and nested data: what was written is read back, and nothing that a file holds breaks a reader."""

import csv
import io
import json

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ingest.clean import clean_block
from ingest.records import RejectedField
from ingest.sources.decoding import detect
from ingest.sources.halves import join_halves
from tests.fakes.documents import Read, read_content

FAST = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(parent=FAST, max_examples=40)

SIMPLIFIED = "怎么退货运费多少发票地址修改密码忘记了会员积分兑换优惠券无法使用订单取消售后客服电话时间，。？！、（）"
TRADITIONAL = "怎麼退貨運費多少發票地址修改密碼忘記會員積分兌換優惠無法使用訂單取消售後客服電話時間，。？！、（）"
LATIN = "abcdefgh ABC 0123456789 ,;|\t\"'\n-=+@."


def rows_of(letters):
    text = st.text(st.sampled_from(letters), min_size=1, max_size=40)
    return st.lists(st.tuples(text, text), min_size=1, max_size=12)


def written(header, rows, separator, codec):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows([header, *rows])
    return out.getvalue().encode(codec)


def expected(rows):
    """Give what a table says: the questions on one line, without what has none."""
    return [(" ".join(question.split()), clean_block(answer, field="a", max_bytes=9999)) for question, answer in rows]


def check_written(tmp_path, header, rows, separator, codec):
    rows = [row for row in rows if row[0].strip() and row[1].strip()]
    assume(rows)
    found = read_content(tmp_path, "any.csv", written(header, rows, separator, codec))
    assert found.rejections == []
    assert found.pairs == expected(rows)


@FAST
@given(
    rows=rows_of(SIMPLIFIED + LATIN),
    separator=st.sampled_from(",;\t|，"),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_a_table_is_read_back_whatever_its_encoding_and_separator(tmp_path, rows, separator, codec):
    check_written(tmp_path, ("问题", "答案"), rows, separator, codec)


@FAST
@given(rows=rows_of(TRADITIONAL + LATIN), separator=st.sampled_from(",;\t"), codec=st.sampled_from(["utf-8", "big5"]))
def test_a_table_in_traditional_characters_is_read_back(tmp_path, rows, separator, codec):
    check_written(tmp_path, ("問題", "答案"), rows, separator, codec)


@FAST
@given(rows=rows_of(LATIN), separator=st.sampled_from(",;\t|"), codec=st.sampled_from(["utf-8", "gbk", "utf-16-le"]))
def test_an_english_table_is_read_back(tmp_path, rows, separator, codec):
    check_written(tmp_path, ("question", "answer"), rows, separator, codec)


@FAST
@given(
    rows=rows_of(SIMPLIFIED),
    bad=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    junk=st.sampled_from([b"\xff", b"\x80", b"\xc3(", b"\xfe\xff"]),
)
def test_damaged_bytes_cost_their_rows_only(tmp_path, rows, bad, junk):
    lines = written(
        ("问题", "答案"), [(q.strip() or "q", a.strip() or "a") for q, a in rows * 4], ",", "utf-8"
    ).splitlines()
    damaged = {1 + place % (len(lines) - 1) for place in bad}
    content = b"\n".join(junk + line if number in damaged else line for number, line in enumerate(lines))
    found = read_content(tmp_path, "any.csv", content)
    assert {each.source.place for each in found.rejections} == {f"row {number + 1}" for number in damaged}
    assert all("not valid UTF-8" in each.reason for each in found.rejections)


@FAST
@given(content=st.binary(max_size=600))
def test_the_encoding_of_any_bytes_is_told_or_refused(tmp_path, content):
    path = tmp_path / "any"
    path.write_bytes(content)
    try:
        encoding = detect(path)
    except RejectedField:
        return
    content[encoding.skip :].decode(encoding.codec, "replace")


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".jsonl", ".json", ".yml", ".xlsx", ".xls"])
@pytest.mark.parametrize(
    "start", [b"", b"question,answer\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"[{"]
)
@settings(parent=FAST, max_examples=15)
@given(content=st.binary(max_size=400))
def test_no_bytes_break_a_reader(tmp_path, suffix, start, content):
    check_told(read_content(tmp_path, f"any{suffix}", start + content))


def check_told(found: Read):
    """Nothing is passed over in silence, and every reason is one line that is not too long."""
    for each in found.rejections:
        assert each.reason
        assert "\n" not in each.reason
        assert len(each.reason) < 1000
    list(join_halves([*found.records, *found.rejections, *found.notes]))


MARKS = [
    "question",
    "answer",
    ",",
    ";",
    "\t",
    '"',
    '""',
    "\n",
    "\r",
    "怎么",
    " ",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "  ",
    "&a ",
]
YAML_MARKS = [
    "*a",
    "!!x ",
    "|\n",
    ">",
    "'",
    "~",
    "#",
    "\\u0000",
    "1e999",
    "NaN",
    "nlu",
    "responses",
    "utter_x",
    "---\n",
]
pieces = st.lists(st.sampled_from(MARKS + YAML_MARKS), max_size=40).map("".join)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".yml"])
@FAST
@given(text=pieces)
def test_no_mixture_of_marks_breaks_a_reader(tmp_path, suffix, text):
    check_told(read_content(tmp_path, f"any{suffix}", text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["question", "answer", "data", "questions", "answers", "messages", "title", "content", "patterns"]
            )
            | st.sampled_from(
                ["responses", "name", "nlu", "rules", "steps", "intent", "examples", "acceptedAnswer", "tags"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".yml"])
@FAST
@given(value=values)
def test_no_structure_breaks_a_reader(tmp_path, suffix, value):
    check_told(read_content(tmp_path, f"any{suffix}", json.dumps(value)))


texts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30)


@FAST
@given(entries=st.lists(st.tuples(texts, texts, st.lists(texts, max_size=3)), min_size=1, max_size=8))
def test_json_and_yaml_say_the_same(tmp_path, entries):
    data = [{"question": q, "answer": a, "similar_questions": s} for q, a, s in entries]
    as_json = read_content(tmp_path, "any.json", json.dumps(data, ensure_ascii=False))
    as_yaml = read_content(tmp_path, "any.yml", json.dumps({"faq": data}, ensure_ascii=False))
    assert as_json.pairs == as_yaml.pairs == [(q, a) for q, a, _ in entries]
    assert [r.similar_questions for r in as_json.records] == [r.similar_questions for r in as_yaml.records]


@FEW
@given(rows=rows_of(SIMPLIFIED + "abc =+-@\n"))
def test_a_workbook_is_read_back(tmp_path, rows):
    rows = [(question, answer) for question, answer in rows if question.strip() and answer.strip()]
    assume(rows)
    book = openpyxl.Workbook()
    book.active.append(["问题", "答案"])
    for number, row in enumerate(rows, start=2):
        for column, text in enumerate(row, start=1):
            cell = book.active.cell(number, column)
            cell.value, cell.data_type = text, "s"
    book.save(tmp_path / "any.xlsx")
    found = read_content(tmp_path, "again.xlsx", (tmp_path / "any.xlsx").read_bytes())
    assert found.pairs == expected(rows)


@FEW
@given(data=st.data())
def test_no_damage_to_a_workbook_breaks_its_reader(tmp_path, data):
    path = tmp_path / "good.xlsx"
    if not path.exists():
        book = openpyxl.Workbook()
        for row in (["question", "answer"], ["a", "b"], ["c", 3.5]):
            book.active.append(row)
        book.active.merge_cells("A2:A3")
        book.save(path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    check_told(read_content(tmp_path, "bad.xlsx", bytes(content)))

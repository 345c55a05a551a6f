import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.limits import Limits
from tests.fakes.documents import read_content

CST = timezone(timedelta(hours=8))
CHINESE = "问题,答案,备注\n怎么退货？,七天之内可以退货。,\n运费多少,满九十九元包邮,旧\n"
TRADITIONAL = "問題,答案\n怎麼退貨？,七天之內可以退貨。\n這個體驗國際學習嗎,對應\n"


@pytest.fixture
def read(tmp_path):
    def run(content, name="faq.csv", **options):
        return read_content(tmp_path, name, content, **options)

    return run


# -- columns


@pytest.mark.parametrize(
    "header",
    [
        "id,question,answer,similar_questions,category,tags,lang,valid_from,valid_until",
        "ID,Question, ANSWER ,Similar Questions,Category,Tag,Language,Valid From,valid-until",
        "编号,问题,答案,相似问,分类,标签,语言,生效时间,失效时间",
        "编号,标准问（必填）,*回答,相似问题,类别,标签,语种,生效日期,有效期至",
        "編號,問題,答案：,相似問題,類別,標籤,語種,生效日期,有效期至",
        "QnaId,standardQuestion,botAnswer,alternateQuestions,Topic,Labels,Locale,validFrom,Expires",
    ],
    ids=["english", "as-people-type-it", "chinese", "chinese-with-marks", "traditional", "camel-case"],
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_columns_are_found_by_their_chinese_or_english_names(read, header, bom):
    row = 'r1,怎么退货,"七天, 之内",退货流程|如何退款,售后,"web, gold",zh-CN,2026-01-01,2026/12/31\n'
    found = read(bom + f"{header}\n{row}".encode())
    (record,) = found.records
    assert found.rejections == []
    assert (record.id, record.question, record.answer) == ("r1", "怎么退货", "七天, 之内")
    assert record.similar_questions == ("退货流程", "如何退款")
    assert (record.category, record.tags, record.language) == ("售后", ("web", "gold"), "zh")
    assert record.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert record.valid_until == datetime(2027, 1, 1, tzinfo=UTC)  # the last day is still included
    assert (record.source.file, record.source.place) == ("faq.csv", "row 2")


def test_what_was_guessed_is_shown(read):
    found = read(CHINESE.replace(",", ";").encode("gbk"))
    assert found.noted == [
        ": read as GB18030; separated by semicolons; columns: question=问题, answer=答案; not used: 备注"
    ]


def test_several_columns_of_similar_questions_count(read):
    (record,) = read("问题,相似问1,相似问法（选填）2,similar question 3,答案\na,b,c,d|e,x\n").records
    assert record.similar_questions == ("b", "c", "d|e")


def test_of_numbered_questions_the_first_is_the_question(read):
    (record,) = read("question1,question2,question3,answer1,answer2\na,b,,x,y\n").records
    assert (record.question, record.similar_questions, record.answer) == ("a", ("b",), "x")


def test_a_title_above_the_header_is_passed_over(read):
    found = read("客服常见问题,,\n更新于 2026-01-01,,\n\n编号,问题,答案\n1,a,b\n")
    assert [(r.question, r.source.place) for r in found.records] == [("a", "row 5")]


def test_the_title_and_text_of_an_article_are_taken_if_there_is_nothing_better(read):
    assert read("标题,内容\n退货,七天之内\n").pairs == [("退货", "七天之内")]
    assert read("title,question,answer\nreturns,a,b\n").pairs == [("a", "b")]


def test_without_a_header_two_columns_are_told_by_what_they_hold(read):
    found = read("How to pay?,By card\nWhen do you open?,At nine\n怎么退货,七天之内\n")
    assert found.pairs[0] == ("How to pay?", "By card")
    assert len(found.pairs) == 3
    assert "the first row is read as an entry; guessed by what they hold" in found.noted[0]


def test_a_header_in_another_language_is_told_by_what_is_below_it(read):
    found = read("Antwort,Frage\nBy card,How to pay?\nAt nine,When do you open?\nYes,Is it new?\n")
    assert found.pairs[0] == ("How to pay?", "By card")


@pytest.mark.parametrize(
    "content",
    ["客户诉求,客服话术\n退货,七天\n换货,十天\n", "a?,b?\nc?,d?\n", "x,y,z\na?,b,c\n"],
    ids=["nothing-asks", "both-ask", "three-columns"],
)
def test_columns_that_are_not_clear_are_rejected_with_the_remedy(read, content):
    found = read(content)
    assert found.records == []
    assert "no column is called question or 问题; the columns are A " in found.reasons[0]
    assert "--map question=" in found.reasons[0]


@pytest.mark.parametrize("question", ["客户诉求", "B", "2", " 客户诉求 "], ids=["name", "letter", "number", "spaces"])
def test_a_column_can_be_named(read, question):
    found = read("序号,客户诉求,客服话术\n1,退货,七天\n", columns={"question": question, "answer": "客服话术"})
    assert found.pairs == [("退货", "七天")]


def test_a_named_column_goes_before_a_guess_and_leaves_the_others_guessed(read):
    found = read("question,客户诉求,答案\nx,退货,七天\n", columns={"问题": "客户诉求"})
    assert found.pairs == [("退货", "七天")]


def test_several_columns_of_similar_questions_can_be_named(read):
    found = read("question,x,y,answer\na,b,c,d\n", columns={"similar_questions": "x,C"})
    assert found.records[0].similar_questions == ("b", "c")


def test_columns_can_be_named_by_letters_where_there_is_no_header(read):
    found = read("1,退货,七天\n2,换货,十天\n", columns={"question": "B", "answer": "C"})
    assert found.pairs == [("退货", "七天"), ("换货", "十天")]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"question": "Z"}, "--map question=Z: there is no such column; the columns are A 'question', B 'answer'"),
        ({"question": "客户诉求"}, "--map question=客户诉求: there is no such column; the columns are A 'question'"),
        ({"title": "question"}, "--map title=question: there is no field 'title'; the fields are question, answer"),
    ],
    ids=["letter", "name", "field"],
)
def test_a_column_that_does_not_exist_is_an_error_that_names_those_that_do(read, columns, reason):
    found = read("question,answer\na,b\n", columns=columns)
    assert found.records == []
    assert reason in found.reasons[0]


# -- rows


def test_rows_are_counted_as_a_spreadsheet_shows_them(read):
    found = read('question,answer\na,"two\nlines"\n\n,no question\nb,2\n')
    assert [(r.question, r.source.place) for r in found.records] == [("a", "row 2"), ("b", "row 5")]
    assert found.reasons == ["row 4: there is no question; every entry needs one"]


def test_rows_below_a_question_may_give_more_similar_questions(read):
    found = read("问题,相似问,答案\na,b,x\n,c,\na,d,\n,e,x\nf,,y\n")
    assert [(r.question, r.similar_questions, r.answer) for r in found.records] == [
        ("a", ("b", "c", "d", "e"), "x"),
        ("f", (), "y"),
    ]


def test_an_answer_without_a_question_is_not_given_to_the_question_above(read):
    found = read("问题,相似问,答案\na,b,x\n,,y\n,c,z\n")
    assert [(r.answer, r.similar_questions) for r in found.records] == [("x", ("b",))]
    assert [reason.split(":")[0] for reason in found.reasons] == ["row 3", "row 4"]


def test_similar_questions_may_stand_on_lines_of_a_cell(read):
    (record,) = read('question,similar,answer\na,"b\r\n c \n\na|d",yes\n').records
    assert record.similar_questions == ("b", "c", "d")


def test_a_row_that_lost_its_quotes_is_rejected_not_cut(read):
    found = read("question,answer\na,one, two\nb,fine,,\n")
    assert [r.question for r in found.records] == ["b"]
    assert found.reasons == ["row 2: the row has 3 cells, the header has 2; put quotes around text that holds commas"]


def test_text_that_looks_like_a_formula_is_text(read):
    assert read("question,answer\n=1+2,@SUM(A1)\n-x,+y\n").pairs == [("=1+2", "@SUM(A1)"), ("-x", "+y")]


def test_dates_without_a_zone_are_in_the_zone_of_the_company(read):
    content = "question,answer,valid_from,valid_until\na,b,2026-03-01 08:00,2026-03-02T08:00+01:00\n"
    (record,) = read(content, zone=CST).records
    assert record.valid_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert record.valid_until == datetime(2026, 3, 2, 7, tzinfo=UTC)


# -- separators


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "，"])
@pytest.mark.parametrize("header", ["question{0}answer", "问题{0}答案"], ids=["english", "chinese"])
def test_the_separator_is_found(read, separator, header):
    rows = [["a, b; c", "x"], ["d", 'y "z"; 1, 2'], ["e", "two\nlines"]]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    found = read(header.format(separator) + "\n" + out.getvalue())
    assert found.pairs == [("a, b; c", "x"), ("d", 'y "z"; 1, 2'), ("e", "two\nlines")]


def test_the_line_that_tells_excel_the_separator_is_obeyed(read):
    found = read("sep=;\nquestion;answer\na;b,c\n")
    assert [(r.question, r.answer, r.source.place) for r in found.records] == [("a", "b,c", "row 3")]


def test_a_text_file_with_tabs_is_a_table_and_one_without_is_a_text(read):
    assert read("问题\t答案\na\tb\n", name="faq.txt").pairs == [("a", "b")]
    assert read("Q: a?\nA: b\n", name="faq.txt").pairs == [("a?", "b")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old-mac"])
def test_any_line_end_will_do(read, end):
    found = read(end.join(["question,answer", "a,b", "c,d", ""]))
    assert [(r.question, r.source.place) for r in found.records] == [("a", "row 2"), ("c", "row 3")]


# -- encodings


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("gbk", "GB18030"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_a_table_saved_by_old_excel_is_read_in_its_encoding(read, codec, label):
    found = read(CHINESE.encode(codec))
    assert found.pairs == [("怎么退货？", "七天之内可以退货。"), ("运费多少", "满九十九元包邮")]
    assert ("read as" in found.noted[0]) == bool(label)
    assert label in found.noted[0]


@pytest.mark.parametrize(("codec", "label"), [("big5", "Big5"), ("gbk", "GB18030"), ("utf-8", "columns")])
def test_traditional_characters_are_read_in_their_encoding(read, codec, label):
    found = read(TRADITIONAL.encode(codec))
    assert found.pairs[0] == ("怎麼退貨？", "七天之內可以退貨。")
    assert label in found.noted[0]


def test_an_english_table_in_utf_16_is_read(read):
    assert read("question,answer\nhow to pay by card,yes we do\n".encode("utf-16-le")).pairs[0][1] == "yes we do"


def test_chinese_far_below_english_rows_is_still_found(read):
    content = "question,answer\n" + ("how," + "so " * 300 + "\n") * 400 + "怎么退货,七天之内\n"
    assert read(content.encode("gbk")).pairs[-1] == ("怎么退货", "七天之内")


@pytest.mark.parametrize("bad", [b"\xff\xfe\x80", b"\x80", b"\xe4\xb8", b"caf\xe9 "], ids=["3-bytes", "1", "cut", "é"])
def test_a_few_damaged_bytes_reject_their_row_and_do_not_change_the_encoding(read, bad):
    rows = CHINESE.encode().split(b"\n")
    found = read(b"\n".join([*rows[:2], b"bad " + bad + b" bytes,yes", *rows[2:]]))
    assert [r.question for r in found.records] == ["怎么退货？", "运费多少"]
    assert found.reasons == ["row 3: the question is not valid UTF-8; save the file as UTF-8"]


def test_replacement_characters_of_an_earlier_accident_are_not_taken_for_chinese(read):
    found = read(b"question,answer\n" + "a\ufffd\ufffd\ufffd\ufffd,yes\n".encode() + b"bad\xff,no\n")  # 锟斤拷 in GBK
    assert found.pairs == [("a\ufffd\ufffd\ufffd\ufffd", "yes")]
    assert "not valid UTF-8" in found.reasons[0]


def test_damaged_bytes_in_gbk_are_named_as_such(read):
    found = read(CHINESE.encode("gbk") + b"bad\xff,yes\n")
    assert len(found.records) == 2
    assert found.reasons == ["row 4: the question is not valid GB18030; save the file as UTF-8"]


def test_western_accents_are_not_taken_for_chinese(read):
    found = read("question,answer\nI don’t know,It’s £5 at the café – naïve\nb,c\n".encode("cp1252"))
    assert found.pairs == [("b", "c")]
    assert "not valid UTF-8" in found.reasons[0]


# -- hostile files


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"\n\n  \n", "the file is empty", id="blank"),
        pytest.param(b"\xef\xbb\xbf", "the file is empty", id="only-a-mark"),
        pytest.param(b"name,text\na,b\n", "no column is called question or 问题", id="no-question-column"),
        pytest.param(bytes(range(256)) * 10, "not UTF-8 text", id="binary"),
        pytest.param(b"PK\x03\x04" + b"\0" * 50, "not text but a ZIP archive, an Excel workbook", id="xlsx"),
        pytest.param(b"%PDF-1.7\n", "not text but a PDF document", id="pdf"),
        pytest.param(b"a," * 5000, "up to 1000 are allowed", id="too-many-columns"),
        pytest.param(b"question,answer\n" + b"," * 100_000, "", id="a-row-of-commas"),
    ],
)
def test_a_file_that_is_no_faq_is_one_rejection(read, content, reason):
    found = read(content)
    assert found.records == []
    assert [each.source.place for each in found.rejections] == ([""] if reason else [])
    assert all(reason in each for each in found.reasons)


def test_a_row_with_damage_is_rejected_and_the_others_are_kept(read):
    rows = [
        b"question,answer,valid_from",
        b"fine,yes",
        b"bad \xff bytes,yes",
        b"nul,\x00",
        b"long," + b"x" * 2_000_000,
        b"dates,yes,never",
        b"wide," + b"x," * 100_000,
        b"last,yes",
    ]
    found = read(b"\n".join(rows))
    assert [r.question for r in found.records] == ["fine", "last"]
    assert [r.source.place for r in found.rejections] == ["row 3", "row 4", "row 5", "row 6", "row 7"]
    reasons = " / ".join(found.reasons)
    for part in ("not valid UTF-8", "NUL characters", "longer than 64 KB", "a date is written 2026-01-31", "100002"):
        assert part in reasons


def test_a_quote_that_never_closes_costs_its_line_only(read):
    found = read('question,answer\na,yes\nb,"no end\n' + "c,yes\n" * 2_000)
    assert len(found.records) == 2_001
    assert found.reasons == ["row 3: a quotation mark is opened and never closed; close it or double it"]
    assert found.records[-1].source.place == "row 2003"


def test_a_cell_that_is_too_long_for_the_parser_costs_its_line_only(read):
    found = read("question,answer\na,yes\nb,")
    assert len(found.records) == 2
    found = read(b"question,answer\na,yes\nb," + b"x" * 5_000_000 + b"\nc,yes\n" + b"y" * 9_000_000 + b"\nd,yes\n")
    assert [r.question for r in found.records] == ["a", "c", "d"]
    assert [r.source.place for r in found.rejections] == ["row 3", "row 5"]


def test_more_rows_than_allowed_are_not_read(read):
    found = read("question,answer\n" + "".join(f"{n},b\n" for n in range(10)), limits=Limits(max_rows=3))
    assert len(found.records) == 3
    assert found.reasons == ["row 5: the file has more than 3 rows; split it"]

import pytest

from ingest.lines import read_lines


class Wrong(Exception):
    pass


def lines(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    return list(read_lines(path, Wrong))


def test_lines_come_with_their_place_and_empty_ones_are_passed_over(tmp_path):
    found = lines(tmp_path, '\ufeff{"a": 1}\n\n["退"]\r\n'.encode())
    assert [(each.row, each.place) for each in found] == [
        ({"a": 1}, "rows.jsonl, line 1"),
        (["退"], "rows.jsonl, line 3"),
    ]


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path):
    (line,) = lines(tmp_path, '"a\u2028b"'.encode())
    assert line.row == "a\u2028b"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"{}\n{", "rows.jsonl, line 2: not JSON", id="not-json"),
        pytest.param(b"\xff\xfe\x00", "cannot be read", id="not-utf-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, complaint):
    with pytest.raises(Wrong, match=complaint):
        lines(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Wrong, match=r"none\.jsonl cannot be read"):
        list(read_lines(tmp_path / "none.jsonl", Wrong))

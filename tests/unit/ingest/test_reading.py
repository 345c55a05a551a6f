"""Which files are read: given ones, those below folders, those in archives. Hostile ones get no further than a line."""

import io
import os
import socket
import stat
import struct
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.limits import Limits
from ingest.records import Note, Record, Rejection
from ingest.sources.checked import checked, one_line, safe_name
from ingest.sources.document import Document, ReadOptions
from ingest.sources.exchange import item_line, read_item
from ingest.sources.reading import SourceReader, read_all
from ingest.sources.registry import Format
from ingest.sources.scratch import scratch_folder, sweep
from ingest.sources.zip_file import Budget, members
from knowledge.types import Source

FAQ = "question,answer\nq,a\n"
LINE = '{"question": "q", "answer": "a"}\n'


@pytest.fixture
def read(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(*paths, **limits):
        with SourceReader(ReadOptions(limits=Limits(**limits)), scratch=scratch) as reader:
            items = [item for path in paths for item in reader.read(path)]
        assert list(scratch.iterdir()) == []
        return items

    return run


def put(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files if isinstance(files, list) else files.items():
            archive.writestr(name, content)
    return out.getvalue()


def read_from(items):
    return [(item.source.file, item.question) for item in items if isinstance(item, Record)]


def rejected(items):
    return [f"{item.source.file}, {item.source.place}: {item.reason}" for item in items if isinstance(item, Rejection)]


def noted(items):
    return [(item.source.file, item.text) for item in items if isinstance(item, Note) and "columns:" not in item.text]


# -- files and folders


def test_folders_are_read_in_order_and_what_is_left_out_is_counted(tmp_path, read):
    docs = put(
        tmp_path / "docs",
        {
            "b/two.csv": FAQ,
            "a.jsonl": LINE,
            "b/.hidden.csv": FAQ,
            ".git/x.csv": FAQ,
            "b/p.png": "",
            "q.png": "",
            "LOG": "",
        },
    )
    put(tmp_path, {"outside/secret.csv": FAQ})
    os.symlink(tmp_path / "outside" / "secret.csv", docs / "link.csv")
    os.symlink(tmp_path / "outside", docs / "folder")
    items = read(docs)
    assert read_from(items) == [("a.jsonl", "q"), ("b/two.csv", "q")]
    assert noted(items) == [
        ("docs/", "files of other kinds were left out: .png (2), LOG (1); links were not followed: 2")
    ]
    assert rejected(items) == []


def test_a_file_that_cannot_be_read_is_a_rejection_and_the_next_is_read(tmp_path, read):
    put(tmp_path, {"good.csv": FAQ, "big.csv": "x" * 2000, "x.pages": "", "y.key2": "", "none": ""})
    names = ("missing.csv", "x.pages", "y.key2", "none", "big.csv", "good.csv")
    items = read(*(tmp_path / name for name in names), max_file_bytes=1000)
    lines = rejected(items)
    assert lines[0] == "missing.csv, : the file cannot be read (No such file or directory)"
    assert lines[1] == "x.pages, : files of the kind '.pages' are not read; save it as .docx"
    assert lines[2].startswith("y.key2, : files of the kind '.key2' are not read; those of .csv, ")
    assert lines[3].startswith("none, : files without a kind in their name are not read")
    assert lines[4] == "big.csv, : the file has 0 MB; up to 0 MB are allowed, split it"
    assert read_from(items) == [("good.csv", "q")]


def test_a_pipe_a_socket_and_a_device_are_refused_without_waiting_for_them(tmp_path, read):
    docs = put(tmp_path / "d", {"good.csv": FAQ})
    os.mkfifo(docs / "pipe.csv")
    os.symlink("/dev/zero", tmp_path / "zero.csv")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(docs)  # names of sockets are short
        server.bind("socket.csv")
        os.chdir(here)
        items = read(docs, tmp_path / "zero.csv")
    assert [line.split(",")[0] + line.split(":")[1] for line in rejected(items)] == [
        "pipe.csv it is a pipe, not an ordinary file; save what it gives as a file",
        "socket.csv it is a socket, not an ordinary file; save what it gives as a file",
        "zero.csv it is a device, not an ordinary file; save what it gives as a file",
    ]
    assert read_from(items) == [("good.csv", "q")]


def test_a_file_given_twice_is_read_once(tmp_path, read):
    docs = put(tmp_path / "docs", {"a.csv": FAQ})
    items = read(docs, docs / "a.csv", docs / ".." / "docs" / "a.csv")
    assert read_from(items) == [("a.csv", "q")]
    assert noted(items) == [("a.csv", "it was given twice and read once")] * 2


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path):
    path = put(tmp_path, {"a.jsonl": LINE * 3}) / "a.jsonl"
    items = read_all([path], ReadOptions())
    first = next(items)
    with path.open("a") as file:
        file.write(LINE)
    os.utime(path, (0, 0))
    assert rejected([first, *items]) == ["a.jsonl, : the file was changed while it was read; read it again"]


def test_names_that_a_terminal_would_obey_are_shown_without_their_power(tmp_path, read):
    docs = put(tmp_path / "docs", {"a\x1b[2J\nb.csv": FAQ})
    os.close(os.open(os.fsencode(docs) + b"/\xff.pages", os.O_CREAT))
    items = read(docs, Path(os.fsdecode(os.fsencode(docs) + b"/\xff.pages")))
    assert read_from(items) == [("a\ufffd[2J\ufffdb.csv", "q")]
    assert all(item.source.file.isprintable() for item in items)


# -- archives


def test_an_archive_is_read_like_a_folder(tmp_path, read):
    inner = zipped({"deep.csv": FAQ})
    files = {
        "b/two.csv": FAQ,
        "a.jsonl": LINE,
        "__MACOSX/._a.jsonl": "x",
        ".DS_Store": "x",
        "p.png": "",
        "in.zip": inner,
    }
    items = read(put(tmp_path, {"export.zip": zipped(files)}) / "export.zip")
    assert read_from(items) == [
        ("export.zip/a.jsonl", "q"),
        ("export.zip/b/two.csv", "q"),
        ("export.zip/in.zip/deep.csv", "q"),
    ]
    assert noted(items) == [("export.zip", "files of other kinds were left out: .png (1)")]
    assert rejected(items) == []


def test_an_archive_in_a_folder_is_read_too(tmp_path, read):
    items = read(put(tmp_path / "d", {"sub/export.zip": zipped({"a.csv": FAQ})}))
    assert read_from(items) == [("sub/export.zip/a.csv", "q")]


@pytest.mark.parametrize(
    "name", ["../x.csv", "a/../../x.csv", "/etc/x.csv", "..\\x.csv", "C:\\x.csv", "faq.csv/../../x.csv"]
)
def test_a_member_whose_name_leads_out_is_refused_and_nothing_is_written_there(tmp_path, read, name):
    items = read(put(tmp_path / "in", {"z.zip": zipped({name: FAQ, "good.csv": FAQ})}) / "z.zip")
    assert rejected(items) == [
        f"z.zip, {name.replace(chr(92), '/')}: its name leads out of the archive; pack it again with plain names"
    ]
    assert read_from(items) == [("z.zip/good.csv", "q")]
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == []


@pytest.mark.parametrize(
    ("kind", "what"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a pipe"), (stat.S_IFCHR, "a device")]
)
def test_a_member_that_is_no_file_is_refused(tmp_path, read, kind, what):
    info = zipfile.ZipInfo("passwd.csv")
    info.create_system, info.external_attr = 3, (kind | 0o644) << 16
    items = read(put(tmp_path, {"z.zip": zipped([(info, "/etc/passwd"), ("good.csv", FAQ)])}) / "z.zip")
    assert rejected(items) == [f"z.zip, passwd.csv: it is {what}, not a file; pack the file itself"]
    assert read_from(items) == [("z.zip/good.csv", "q")]


def test_a_member_named_like_a_device_is_just_a_file(tmp_path, read):
    items = read(put(tmp_path, {"z.zip": zipped({"CON.csv": FAQ, "dev/null.csv": FAQ})}) / "z.zip")
    assert read_from(items) == [("z.zip/CON.csv", "q"), ("z.zip/dev/null.csv", "q")]


def flagged(data, bit):
    """Set a flag in all local and central headers of an archive."""
    data = bytearray(data)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(signature, start + 1)) >= 0:
            data[start + at] |= bit
    return bytes(data)


def test_an_encrypted_member_is_refused(tmp_path, read):
    items = read(put(tmp_path, {"z.zip": flagged(zipped({"a.csv": FAQ}), 1)}) / "z.zip")
    assert rejected(items) == ["z.zip, a.csv: it is encrypted; pack it without a password"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_whose_packing_knows_no_bound_of_memory_is_refused(tmp_path, read, method):
    items = read(put(tmp_path, {"z.zip": zipped({"a.csv": FAQ}, method)}) / "z.zip")
    assert rejected(items) == [
        "z.zip, a.csv: it is packed in a way that is not read; pack it as an ordinary ZIP (deflate)"
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_with_one_name_the_first_is_read(tmp_path, read):
    twice = zipped([("a.csv", FAQ), ("a.csv", "question,answer\nother,a\n")])
    items = read(put(tmp_path, {"z.zip": twice}) / "z.zip")
    assert read_from(items) == [("z.zip/a.csv", "q")]
    assert rejected(items) == ["z.zip, a.csv: it occurs twice in the archive; only the first is read"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_names_are_read_as_chinese_whether_in_gbk_or_utf8(tmp_path, read, encoding):
    raw = "退货问题.csv".encode(encoding)
    placeholder = b"x" * len(raw)
    data = zipped({placeholder.decode(): FAQ}).replace(placeholder, raw)
    items = read(put(tmp_path, {"z.zip": data}) / "z.zip")
    assert read_from(items) == [("z.zip/退货问题.csv", "q")]
    assert noted(items) == [("z.zip", "the names in the archive were read as UTF-8 or GBK")]


def test_a_bomb_is_stopped_early_and_the_other_members_are_read(tmp_path, read):
    bomb = b"question,answer\nq," + b"0" * (64 << 20)
    archive = put(tmp_path, {"z.zip": zipped({"a.csv": FAQ, "bomb.csv": bomb, "c.csv": FAQ})}) / "z.zip"
    start = time.process_time()
    items = read(archive)
    assert time.process_time() - start < 5
    assert read_from(items) == [("z.zip/a.csv", "q"), ("z.zip/c.csv", "q")]
    assert rejected(items) == ["z.zip/bomb.csv, : it unpacks to more than 12 MB from 63 KB, as only a zip bomb does"]


def test_a_bomb_that_lies_about_its_size_is_stopped_too(tmp_path, read):
    data = bytearray(zipped({"bomb.csv": b"0" * (30 << 20)}))
    entry = data.find(b"PK\x01\x02")
    struct.pack_into("<II", data, entry + 20, 0x7FFFFFFF, 100)  # packed much, unpacked little
    items = read(put(tmp_path, {"z.zip": bytes(data)}) / "z.zip")
    assert read_from(items) == []
    (line,) = rejected(items)
    assert line.startswith("z.zip/bomb.csv, : it ")


def test_an_archive_of_archives_of_bombs_is_given_up_as_a_whole(tmp_path, read):
    bomb = zipped({"x.csv": b"0" * (8 << 20)})
    items = read(put(tmp_path, {"z.zip": zipped({f"{n:02}.zip": bomb for n in range(20)})}) / "z.zip")
    assert read_from(items) == []
    last = rejected(items)[-1]
    assert (
        last == "z.zip, : it unpacks to too much for its size, as only a zip bomb does; nothing behind '07.zip' is read"
    )


def test_what_several_bombs_unpack_to_is_counted_together(tmp_path):
    path = put(tmp_path, {"z.zip": zipped({f"{n:02}.csv": b"0" * (7 << 20) for n in range(20)})}) / "z.zip"
    limits = Limits()
    found = list(members(Document(path=path, name="z.zip"), tmp_path, limits, Budget.of(path, limits)))
    assert sum(isinstance(each, Document) for each in found) == 9  # 64 MB
    assert "nothing behind" in found[-1].reason


def test_archives_deeper_than_allowed_are_named(tmp_path, read):
    data = zipped({"x.csv": FAQ})
    for name in ("c.zip", "b.zip"):
        data = zipped({name: data, "faq.csv": FAQ})
    items = read(put(tmp_path, {"a.zip": data}) / "a.zip")
    assert read_from(items) == [("a.zip/b.zip/faq.csv", "q"), ("a.zip/faq.csv", "q")]
    assert rejected(items) == ["a.zip/b.zip/c.zip, : archives are read up to 2 deep; unpack the outer ones"]


def test_of_an_archive_with_too_many_files_the_first_are_read(tmp_path, read):
    data = zipped({f"{n:03}.jsonl": LINE for n in range(30)})
    items = read(put(tmp_path, {"z.zip": data}) / "z.zip", max_archive_members=20)
    assert len(read_from(items)) == 20
    assert rejected(items) == ["z.zip, : an archive may hold up to 20 files; those from '020.jsonl' on are not read"]


def test_an_archive_with_a_list_of_files_beyond_all_measure_is_refused_unread(tmp_path, read):
    data = bytearray(zipped({"a.csv": FAQ}))
    end = data.find(b"PK\x05\x06")
    data[end:end] = bytes(5 << 20)
    struct.pack_into("<I", data, len(data) - 22 + 12, 5 << 20)
    items = read(put(tmp_path, {"z.zip": bytes(data)}) / "z.zip")
    assert rejected(items) == ["z.zip, : its list of files is longer than 4 MB; pack fewer files"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "the archive is damaged or not a ZIP file (File is not a zip file)", id="empty"),
        pytest.param(bytes(range(256)) * 9, "the archive is damaged or not a ZIP file", id="garbage"),
        pytest.param(zipped({}), "the archive holds no files", id="no-members"),
        pytest.param(zipped({"a.csv": FAQ})[:-30], "the archive is damaged or not a ZIP file", id="cut"),
    ],
)
def test_what_is_no_archive_is_one_line(tmp_path, read, data, reason):
    (line,) = rejected(read(put(tmp_path, {"z.zip": data}) / "z.zip"))
    assert line.startswith(f"z.zip, : {reason}")


def test_a_damaged_member_is_named_and_the_others_are_read(tmp_path, read):
    data = bytearray(zipped({"a.csv": FAQ, "b.csv": FAQ}, zipfile.ZIP_STORED))
    data[data.find(b"question")] ^= 1
    items = read(put(tmp_path, {"z.zip": bytes(data)}) / "z.zip")
    assert rejected(items)[0].startswith("z.zip/a.csv, : it cannot be unpacked (Bad CRC-32")
    assert read_from(items) == [("z.zip/b.csv", "q")]


def test_what_a_killed_ingest_unpacked_is_swept_by_the_next(tmp_path):
    with scratch_folder(tmp_path) as living:
        dead = tmp_path / "kefu-ingest-dead"
        put(dead, {"in-use": "", "1.csv": FAQ})
        young = tmp_path / "kefu-ingest-young"
        young.mkdir()
        other = tmp_path / "somebody-elses"
        other.mkdir()
        link = tmp_path / "kefu-ingest-link"
        link.symlink_to(other)
        for folder in (living, dead, other):
            os.utime(folder, (0, 0))
        sweep(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [living.name, young.name, other.name, link.name]
        )
    assert not living.exists()


# -- what every reader's items go through


def item(kind, **fields):
    return kind(source=Source(file="a.csv", place="row 2"), **fields)


def test_what_was_taken_out_of_an_answer_is_noted_with_its_place():
    record = item(Record, question="q", answer="Yes.<script>x</script>")
    note, clean = checked([record], Limits())
    assert (note.source.place, note.text) == ("row 2", "taken out of the answer: a script")
    assert clean.answer == "Yes."


def test_a_record_beyond_all_measure_is_rejected():
    record = item(Record, question="q", answer="a", similar_questions=("x" * 600, "中" * 200))
    assert list(checked([record], Limits())) == [record]
    (rejection,) = checked([record], Limits(max_record_bytes=1024))
    assert rejection.reason == "the record is longer than 1 KB; split it into several entries"


def test_complaints_beyond_the_limit_are_counted():
    items = [item(Rejection, reason=f"r{n}") for n in range(9)]
    reasons = [each.reason for each in checked(items, Limits(max_complaints=3))]
    assert reasons == ["r0", "r1", "r2", "6 more places of the file were rejected, this is the last of them"]


def test_reasons_and_notes_are_one_line():
    items = [item(Rejection, reason="a\nb\x1b[31m\u202e"), item(Note, text="x\r\n" * 9999)]
    reason, text = checked(items, Limits())
    assert reason.reason == "a b [31m"
    assert len(text.text) == 500
    assert one_line("\ud800a\x00b") == "a b"
    assert safe_name("\ud800a\n.csv") == "\ufffda\ufffd.csv"


RECORD = item(
    Record,
    question="q",
    answer="a\n",
    similar_questions=("x", "y"),
    tags=("t",),
    id="7",
    prose=True,
    valid_from=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("each", [RECORD, item(Rejection, reason="r"), item(Note, text="n")])
def test_items_survive_the_way_from_the_worker(each):
    assert read_item(item_line(each).rstrip(b"\n"), "a.csv") == each


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"r",
        b"x[]",
        b'r["p", {}]',
        b'j[5, {"reason": "r"}]',
        b'j["p", {"reason": 5}]',
        b'j["p", {"reason": "r", "more": 1}]',
        item_line(RECORD).strip().replace(b'["t"]', b'"t"'),
        item_line(RECORD).strip().replace(b"2026", b"20x6"),
        item_line(RECORD).strip().replace(b"true", b"1"),
    ],
)
def test_a_worker_is_not_believed_what_is_no_item(line):
    with pytest.raises(ValueError, match="no item"):
        read_item(line, "a.csv")


def test_no_kind_of_file_may_take_more_memory_than_what_is_promised():
    with pytest.raises(ValueError, match="up to 256 MB"):
        Format(reader="a:b", memory_mb=257)

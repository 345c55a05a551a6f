"""What is in the XML of an Excel workbook besides its values: how far cells reach, links, bold and italic words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote
from xml.etree import ElementTree
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from ingest.limits import Limits
from ingest.records import RejectedField
from ingest.sources.cells import Cell

_MAX_UNPACKED: Final = 192 * 1024 * 1024  # bytes of XML; what is made of it takes somewhat more memory
_MAX_CELLS: Final = 4_000_000  # of the rectangle that holds all cells of a sheet: each takes memory, empty or not
_MAX_PARTS: Final = 10_000
_MAX_SMALL: Final = 4 * 1024 * 1024  # bytes of a part that lists sheets or links
_MAX_MARKED: Final = 100_000  # texts with bold words
_BLOCK: Final = 1024 * 1024
_OVERLAP: Final = 4096  # between blocks, longer than any tag that is looked for
_FILLED: Final = re.compile(rb'<(?:\w{1,9}:)?c\s[^<>]{0,99}?\br="([A-Z]{1,3})(\d{1,7})"[^<>]{0,99}(?<!/)>')
_LINK: Final = re.compile(rb"<(?:\w{1,9}:)?hyperlink\s[^<>]{1,3000}>")
_RUN: Final = re.compile(rb"<(?:\w{1,9}:)?r>")
_ATTRIBUTE: Final = re.compile(rb'([\w:]{1,20})="([^"<>]{0,2000})"')
_SAFE_LINK: Final = re.compile(r"(?:https?://|mailto:|tel:)\S+", re.IGNORECASE)
_LONG: Final = 80  # characters of a text that is not made a link as a whole


@dataclass(slots=True)
class Markup:
    """Of one sheet: what its cells show besides their text."""

    links: dict[tuple[int, int], str] = field(default_factory=dict)  # (row, column) from 0 -> address
    marked: Mapping[str, str] = field(default_factory=dict)  # text -> the same in Markdown; of the whole workbook

    def __bool__(self) -> bool:
        return bool(self.links or self.marked)

    def cell(self, text: str, row: int, column: int) -> str:
        """Give the text, as a `Cell` if it has a link or bold words."""
        markdown = self.marked.get(text, "")
        if (link := self.links.get((row, column))) and link not in text:
            markdown = _linked(markdown or text, link)
        if not markdown:
            return text
        cell = Cell(text)
        cell.markdown = markdown
        return cell


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """What one pass over the XML of a sheet finds."""

    rows: int  # the last row with a value
    columns: int
    corner: str  # where they end: "C2000"
    links: tuple[bytes, ...]
    runs: bool  # whether there are texts of several styles


class Workbook:
    """The parts of an .xlsx or .xlsm file; of other kinds, it has none."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Check the sizes.

        Raises:
            RejectedField: the file is damaged, or would unpack to more than is read.
        """
        self._limits = limits
        self._zip: ZipFile | None = None
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return
        try:
            self._zip = ZipFile(path)
        except (BadZipFile, ValueError, NotImplementedError) as exc:
            raise RejectedField(f"the workbook is damaged ({exc})") from exc
        self._marked: dict[str, str] = {}
        try:
            self._check_size()
            self._sheets = self._parts_of_sheets()
            self._read_marked("xl/sharedStrings.xml")
        except RejectedField:
            self.close()
            raise

    def _check_size(self) -> None:
        assert self._zip is not None
        parts = self._zip.infolist()
        size, allowed = sum(part.file_size for part in parts), min(_MAX_UNPACKED, self._limits.max_file_bytes)
        if size > allowed or len(parts) > _MAX_PARTS:
            shown = f"{size >> 20} MB in {len(parts)} parts; up to {allowed >> 20} MB"
            raise RejectedField(f"the workbook unpacks to {shown} are read, split it or save it as CSV")

    def close(self) -> None:
        """Close the file."""
        if self._zip is not None:
            self._zip.close()

    def markup(self, sheet: str) -> Markup:
        """Look through a sheet.

        Raises:
            RejectedField: cells are too far apart for the sheet to be read in bounded memory.
        """
        part = self._sheets.get(sheet) if self._zip is not None else None
        if part is None:
            return Markup()
        scan = self._scan(part)
        if scan.columns > self._limits.max_columns:
            reason = f"cells reach to {scan.corner}; up to {self._limits.max_columns} columns are allowed"
            raise RejectedField(f"{reason}, delete what is far from the table")
        if scan.rows * scan.columns > _MAX_CELLS:
            raise RejectedField(f"cells reach to {scan.corner}; delete what is far from the table, or save it as CSV")
        if scan.runs:
            self._read_marked(part)
        return Markup(links=self._links(part, scan.links), marked=self._marked)

    def _scan(self, part: str) -> _Scan:
        columns: set[bytes] = set()
        rows, links, runs = 0, list[bytes](), False
        for block in self._blocks(part):
            cells = _FILLED.findall(block)
            columns.update(letters for letters, _ in cells)
            rows = max(rows, max((int(number) for _, number in cells), default=0))
            links += _LINK.findall(block)
            runs = runs or _RUN.search(block) is not None
        last = max(columns, key=lambda letters: (len(letters), letters), default=b"A").decode()
        width = column_number(last) + 1
        return _Scan(rows=rows, columns=width, corner=f"{last}{rows}", links=tuple(links), runs=runs)

    def _blocks(self, part: str) -> Iterator[bytes]:
        """Give a part in overlapping blocks."""
        rest = b""
        try:
            with self._open(part) as file:
                while block := file.read(_BLOCK):
                    yield rest + block
                    rest = (rest + block)[-_OVERLAP:]
        except (BadZipFile, ZlibError, EOFError, NotImplementedError, RuntimeError) as exc:
            raise RejectedField(f"the workbook is damaged ({exc})") from exc

    def _open(self, part: str) -> IO[bytes]:
        assert self._zip is not None
        return self._zip.open(part)

    def _small(self, part: str) -> Iterator[ElementTree.Element]:
        """Give all elements of a small part; none if there is no such part or it is damaged."""
        assert self._zip is not None
        if part not in self._zip.NameToInfo or self._zip.getinfo(part).file_size > _MAX_SMALL:
            return
        data = b"".join(block if index == 0 else block[_OVERLAP:] for index, block in enumerate(self._blocks(part)))
        if b"<!DOCTYPE" in data:
            raise RejectedField("the workbook declares XML entities; it is not read")
        try:
            yield from ElementTree.fromstring(data).iter()
        except ElementTree.ParseError as exc:
            raise RejectedField(f"the workbook is damaged ({part}: {exc})") from exc

    def _relations(self, part: str) -> dict[str, str]:
        folder, _, name = part.rpartition("/")
        return {
            element.get("Id", ""): element.get("Target", "")
            for element in self._small(f"{folder}/_rels/{name}.rels")
            if element.tag.endswith("Relationship")
        }

    def _parts_of_sheets(self) -> dict[str, str]:
        targets = self._relations("xl/workbook.xml")
        parts: dict[str, str] = {}
        for element in self._small("xl/workbook.xml"):
            if element.tag.rpartition("}")[2] != "sheet":
                continue
            identity = next((value for key, value in element.attrib.items() if key.endswith("}id")), "")
            target = targets.get(identity, "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if self._zip is not None and part in self._zip.NameToInfo:
                parts[element.get("name", "")] = part
        return parts

    def _links(self, part: str, tags: tuple[bytes, ...]) -> dict[tuple[int, int], str]:
        links: dict[tuple[int, int], str] = {}
        targets = self._relations(part) if tags else {}
        for tag in tags:
            values = {name.decode().rpartition(":")[2]: value.decode() for name, value in _ATTRIBUTE.findall(tag)}
            target = targets.get(values.get("id", ""), "")
            first = re.match(r"\$?([A-Z]{1,3})\$?(\d{1,7})", values.get("ref", ""))
            if first and _SAFE_LINK.fullmatch(target):
                links[int(first[2]) - 1, column_number(first[1])] = target
        return links

    def _read_marked(self, part: str) -> None:
        """Collect the texts of a part that have bold or italic words."""
        assert self._zip is not None
        if part not in self._zip.NameToInfo or not any(_RUN.search(block) for block in self._blocks(part)):
            return
        texts = _Texts(self._marked)
        try:
            for index, block in enumerate(self._blocks(part)):
                texts.feed(block if index == 0 else block[_OVERLAP:])
        except expat.ExpatError as exc:
            raise RejectedField(f"the workbook is damaged ({part}: {exc})") from exc


def column_number(letters: str) -> int:
    """Give the number from 0 of a column: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class _Texts:
    """Takes texts of several styles out of a stream of XML (ECMA-376 part 1, 18.4.4 and 18.4.7)."""

    def __init__(self, found: dict[str, str]) -> None:
        self._found = found
        self._runs: list[tuple[str, str]] = []  # (mark, text)
        self._mark = ""
        self._path: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.buffer_text = True

    def feed(self, block: bytes) -> None:
        self._parser.Parse(block, False)

    def _refuse(self, *_: object) -> None:
        raise RejectedField("the workbook declares XML entities; it is not read")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._path.append(name)
        if name in ("si", "is"):
            self._runs = []
        elif name == "r":
            self._mark = ""
        elif name in ("b", "i") and self._path[-2:-1] == ["rPr"] and attributes.get("val", "1") not in ("0", "false"):
            self._mark += "**" if name == "b" else "*"

    def _text(self, text: str) -> None:
        if self._path[-1:] == ["t"] and "rPh" not in self._path[-3:]:
            self._runs.append((self._mark if "r" in self._path[-3:] else "", text))

    def _end(self, tag: str) -> None:
        name = self._path.pop()
        if name == "r":
            self._mark = ""
        if name in ("si", "is") and len(self._runs) > 1 and len(self._found) < _MAX_MARKED:
            marks = {mark for mark, text in self._runs if text.strip()}
            if len(marks) > 1:
                self._found["".join(text for _, text in self._runs)] = _markdown(self._runs)


def _markdown(runs: list[tuple[str, str]]) -> str:
    joined: list[tuple[str, str]] = []
    for mark, text in runs:
        if joined and joined[-1][0] == mark:
            joined[-1] = (mark, joined[-1][1] + text)
        else:
            joined.append((mark, text))
    return "".join("\n".join(_wrapped(line, mark) for line in text.split("\n")) for mark, text in joined)


def _wrapped(line: str, mark: str) -> str:
    """Put marks around a line, inside of the white space at its ends: with it inside they would not count."""
    core = line.strip()
    if not mark or not core:
        return line
    start = line.index(core)
    return line[:start] + mark + core + mark[::-1] + line[start + len(core) :]


def _linked(text: str, link: str) -> str:
    address = quote(link, safe=":/?#@!$&'*+,;=%~[]")
    if len(text) > _LONG or "\n" in text or "[" in text:
        return f"{text}\n\n<{address}>"
    return f"[{text}]({address})"

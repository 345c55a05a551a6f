"""The parts of a Word document, unpacked with limits: Office Open XML, ECMA-376."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lxml import etree

from ingest.records import RejectedField

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MAIN_BYTES = 200 * 1024 * 1024  # of the text, unpacked; it is read as a stream
_SIDE_BYTES = 20 * 1024 * 1024  # of styles, numbering, links
_MOST_FILES = 10_000
_STRICT = b"http://purl.oclc.org/ooxml/"
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    etree.XMLSyntaxError,
    ValueError,
)


class Package:
    """A document that is open."""

    def __init__(self, path: Path) -> None:
        """Open a document.

        Raises:
            RejectedField: it is none, is encrypted, or holds more than a document does.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            head = file.read(8)
        if not head:
            raise RejectedField("the file is empty")
        if head == _OLE:
            raise RejectedField(_old(path))
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as exc:
            raise RejectedField(
                "the file is no Word document, or is damaged; open it in Word and save it again"
            ) from exc
        names = self._zip.namelist()
        if len(names) > _MOST_FILES:
            raise RejectedField(f"the file holds {len(names)} parts; no Word document has more than {_MOST_FILES}")
        self._names = set(names)
        self.main = self._main()
        if self.main not in self._names:
            raise RejectedField("the file is a ZIP archive but no Word document; save it from Word as .docx")

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def _main(self) -> str:
        root = self.side("_rels/.rels")
        for each in root.iter(_REL) if root is not None else ():
            if (each.get("Type") or "").endswith("/officeDocument"):
                return posixpath.normpath((each.get("Target") or "").lstrip("/"))
        return "word/document.xml"

    def beside(self, name: str) -> Any:
        """Give the root of a part that stands in the folder of the text: styles.xml; None if there is none."""
        return self.side(posixpath.join(posixpath.dirname(self.main), name))

    def links(self) -> dict[str, str]:
        """Give the addresses outside of the document by the ids under which the text uses them."""
        root = self.beside(f"_rels/{posixpath.basename(self.main)}.rels")
        return {
            each.get("Id") or "": each.get("Target") or ""
            for each in (root.iter(_REL) if root is not None else ())
            if each.get("TargetMode") == "External"
        }

    def side(self, name: str) -> Any:
        """Give the root of a small part, None if it is missing.

        Raises:
            RejectedField: it is too large, damaged, or has a document type definition.
        """
        if name not in self._names:
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            with self._open(name, _SIDE_BYTES) as file:
                root = etree.parse(_Namespaces(file), parser).getroot()
        except _DAMAGED as exc:
            raise RejectedField(_damage(name, exc)) from exc
        _check_type(root, name)
        return root

    def children(self) -> Iterator[Any]:
        """Give the paragraphs and tables of the text, one after the other; each is emptied when the next is asked for.

        Raises:
            RejectedField: the text is damaged from here on, too large, or has a document type definition.
        """
        wanted, depth, checked = (f"{W}p", f"{W}tbl"), 0, False
        try:
            with self._open(self.main, _MAIN_BYTES) as file:
                steps = etree.iterparse(
                    _Namespaces(file),
                    events=("start", "end"),
                    tag=wanted,
                    resolve_entities=False,
                    no_network=True,
                    load_dtd=False,
                    huge_tree=False,
                )
                for event, element in steps:
                    if not checked:
                        _check_type(element, self.main)
                        checked = True
                    depth += 1 if event == "start" else -1
                    if depth == 0:
                        yield element
                        element.clear()
                        while element.getprevious() is not None:
                            del element.getparent()[0]
        except _DAMAGED as exc:
            raise RejectedField(_damage(self.main, exc)) from exc

    def _open(self, name: str, limit: int) -> IO[bytes]:
        info = self._zip.getinfo(name)
        if info.flag_bits & 1:
            raise RejectedField("the document is encrypted; save it without a password")
        if info.file_size > limit:  # no more than this size is ever unpacked, whatever the archive holds
            raise RejectedField(
                f"{name} has {info.file_size >> 20} MB unpacked; up to {limit >> 20} MB are read, split the document"
            )
        return self._zip.open(info)


class _Namespaces(io.RawIOBase):
    """A stream in which the names of "Strict Open XML" become the usual ones."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(65_536)
        if _STRICT not in block:
            return block
        block = block.replace(_STRICT + b"wordprocessingml/main", W[1:-1].encode())
        return block.replace(
            _STRICT + b"officeDocument/relationships",
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        )


def _check_type(element: Any, name: str) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise RejectedField(f"{name} has a document type definition, as Word never writes; the document may do harm")


def _damage(name: str, exc: Exception) -> str:
    line = " ".join(str(exc).split())[:120]
    return f"{name} is damaged ({line}); open the document in Word and save it again"


def _old(path: Path) -> str:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if _ENCRYPTED in block:
                return "the document is encrypted; save it without a password"
    return "the document is in the old format of Word (.doc); open it and save it as .docx"

"""YAML: lists of questions and answers, questions as keys, Rasa projects.

PyYAML's C parser gives events; objects are built of them here, because its loaders follow aliases without a limit,
turn "yes" into True and 08:30 into a number, keep the last of two equal keys without a word, and know no lines.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.decoding import BAD, read_text
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.nested import Entries
from ingest.sources.nodes import Node
from ingest.sources.rasa import rasa_items
from knowledge.types import Source

_MAX_BYTES: Final = 16 * 1024 * 1024  # a file is held in memory, and the parser takes a second for each 2 MB
_DEPTH: Final = 50
_MAX_KEY: Final = 1_000  # characters
_STANDARD: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset(
    _STANDARD + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "set", "omap")
)
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
# YAML allows no control characters. They pass the parser as private ones, so that only their entry is rejected.
_HIDDEN: Final = {**{code: 0x10F700 + code for code in (*range(9), 11, 12, *range(14, 32), 127)}, ord(BAD): 0x10F7FF}
_SHOWN: Final = {hidden: code for code, hidden in _HIDDEN.items()}


def read_yaml(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a YAML file; what stands before a place that is not YAML is kept."""
    whole = Source(file=document.name, place="")
    try:
        text, encoding = read_text(document.path, max_bytes=min(_MAX_BYTES, options.limits.max_file_bytes))
        entries = Entries(document, options)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))
        return
    if encoding.label != "UTF-8":
        yield Note(source=whole, text=f"read as {encoding.label}")
    builder = _Builder()
    broken = builder.build(text.translate(_HIDDEN) if not text.isprintable() else text)
    halves = [rasa_items(value, document, options) for value in builder.documents]
    for value, parts in zip(builder.documents, halves, strict=True):
        yield from entries.within(value, "") if parts is None else parts
    for line, reason in [*builder.problems, *broken]:
        yield Rejection(source=Source(file=document.name, place=f"line {line}"), reason=reason)
    if not broken and not builder.documents:
        yield Rejection(source=whole, reason="the file is empty")
    elif any(parts is None for parts in halves):
        yield from entries.close()


class _Builder:
    """Builds lists, Nodes and texts of the parser's events; all scalars stay texts."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.problems: list[tuple[int, str]] = []  # (line, reason); of what is in no mapping that could bear them
        self._open: list[_Open] = []
        self._anchors: dict[str, str] = {}

    def build(self, text: str) -> list[tuple[int, str]]:
        """Build what there is.

        Returns:
            Where and why it ends before the text does; empty if it does not.
        """
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                self._take(event)
        except yaml.MarkedYAMLError as exc:
            line = exc.problem_mark.line + 1 if exc.problem_mark else 1
            return self._broken(line, f"not YAML ({exc.problem or exc.context})")
        except yaml.YAMLError as exc:
            return self._broken(1, f"not YAML ({' '.join(str(exc).split())[:120]})")
        except RejectedField as exc:
            return self._broken(self._open[-1].line, str(exc))
        return []

    def _broken(self, line: int, reason: str) -> list[tuple[int, str]]:
        """Keep the lists and mappings that are open, without the entry in which it happened."""
        if self._open and isinstance(self._open[-1].value, dict) and len(self._open) > 1:
            self._open.pop()
        while self._open:
            self._close()
        return [(line, f"{reason}; what is behind it was not read")]

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.ScalarEvent():
                self._check_tag(event.tag, line)
                value: str | None = event.value.translate(_SHOWN) if event.value else ""
                if event.anchor:
                    self._anchors[event.anchor] = value or ""
                if not event.style and value in _NOTHING and not self._wants_key():
                    value = None
                self._put(value, line)
            case yaml.AliasEvent():
                anchor = event.anchor or ""
                if anchor not in self._anchors:
                    self._problem(line, f"the alias *{anchor} stands for a list or mapping; write it out")
                self._put(self._anchors.get(anchor), line)
            case yaml.CollectionStartEvent():
                if len(self._open) >= _DEPTH:
                    raise RejectedField(f"lists and mappings are nested more than {_DEPTH} deep")
                is_list = isinstance(event, yaml.SequenceStartEvent)
                opened = _Open([] if is_list else Node(), line)
                if not is_list:
                    opened.value.line = line
                self._open.append(opened)
                self._check_tag(event.tag, line)
            case yaml.CollectionEndEvent():
                self._close()
            case _:  # the beginnings and ends of documents
                pass

    def _wants_key(self) -> bool:
        return bool(self._open) and self._open[-1].wants_key

    def _close(self) -> None:
        closed = self._open.pop()
        self._put(closed.value, closed.line)

    def _put(self, value: Any, line: int) -> None:
        if not self._open:
            if value is not None:
                self.documents.append(value)
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.wants_key:
            if not isinstance(value, str) or len(value) > _MAX_KEY:
                self._problem(line, "a key is not a short text")
                value = f"line {line}"
            elif value in top.value:
                self._problem(line, f"the key {value[:40]!r} is there twice; remove one")
            top.key, top.wants_key = value, False
        else:
            top.value.setdefault(top.key, value)
            top.wants_key = True

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag and tag != "!" and tag not in _TAGS:
            shown = tag.replace(_STANDARD, "!!")[:60]
            self._problem(line, f"the tag {shown} is not read; write the value itself")

    def _problem(self, line: int, reason: str) -> None:
        """Let the innermost mapping bear a problem, so that it is rejected if it is an entry."""
        node = next((each.value for each in reversed(self._open) if isinstance(each.value, Node)), None)
        if node is None or node is self._open[0].value:
            self.problems.append((line, reason))
        else:
            node.problem = node.problem or reason


class _Open:
    """A list or mapping that has begun."""

    __slots__ = ("key", "line", "value", "wants_key")

    def __init__(self, value: Any, line: int) -> None:
        self.value = value
        self.line = line
        self.key = ""
        self.wants_key = isinstance(value, dict)

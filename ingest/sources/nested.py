"""Questions and answers somewhere in nested lists and objects, as JSON and YAML files have them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from ingest.records import Note, Record, RejectedField, Rejection
from ingest.sources.bot_forms import TELLING, Values, entries_in, is_off, pairs_in
from ingest.sources.columns import wanted_columns
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import to_record
from ingest.sources.names import canonical, fold, weakly
from ingest.sources.nodes import Node, text_of, texts_of
from ingest.sources.questions import is_question
from knowledge.types import Source

_NO_QUESTION: Final = "there is no question; every entry needs one"
_DEPTH: Final = 40
_LOOKED_AT: Final = 5  # elements of a list by which it is told whether it holds entries
_SHOWN: Final = 8
_LABELS: Final = ("name", "title", "category", "label", "分类", "名称", "标题")
_SILENT: Final = frozenset({"source", "metadata", "meta", "lc", "type"})  # keys that are not worth a note
_PLAIN_WORDS: Final = """
    data items item faq faqs questions list records record results result rows payload content entries documents docs"
    " qna_documents qnas assets knowledge intents articles responses qa qas pairs main_entity children response body
    conversations messages value values root 数据 列表 问答 常见问题
"""
_PLAIN_KEYS: Final = frozenset(_PLAIN_WORDS.split())  # keys that say nothing about what is below them


class Entries:
    """Finds the entries in what a file holds, part by part; `close` tells what is to be told at its end."""

    def __init__(self, document: Document, options: ReadOptions) -> None:
        """Prepare.

        Raises:
            RejectedField: --map names a field that there is not.
        """
        self._file, self._options = document.name, options
        self._wanted = wanted_columns(options.columns)
        self._used: dict[str, str] = {}  # field -> the key that held it
        self._unused: dict[str, None] = {}
        self._keys: dict[str, None] = {}  # of objects, whatever they are
        self._last: Mapping[str, str] = {}
        self._off = 0
        self._found = 0

    def within(self, node: Any, place: str, *, expected: bool = False) -> Iterator[Item]:
        """Give what a part of the file holds.

        Args:
            node: an object, a list, or anything else.
            place: where it is, for people.
            expected: the part should be an entry, so that it is a rejection if it is none.
        """
        yield from self._walk(node, (place,) if place else (), "", 0, expected)

    def close(self) -> Iterator[Item]:
        """Give the notes on the whole file, or the rejection of one in which nothing was found."""
        whole = Source(file=self._file, place="")
        if not self._found:
            yield Rejection(source=whole, reason=self._nothing())
            return
        parts = []
        if renamed := {field: key for field, key in self._used.items() if fold(key) not in (field, "lang")}:
            parts.append("keys: " + ", ".join(f"{field}={key}" for field, key in renamed.items()))
        if unused := [key for key in self._unused if key not in self._used.values()]:
            parts.append(f"not used: {_listed(unused)}")
        if self._off:
            parts.append(f"left out: {self._off} that are drafts or switched off")
        if parts:
            yield Note(source=whole, text="; ".join(parts))

    def _nothing(self) -> str:
        if not self._keys:
            return 'no question was found; write a list of objects such as {"question": …, "answer": …}'
        if self._wanted:
            spec = ", ".join(f"{field}={key}" for field, key in self._wanted.items())
            return f"--map {spec}: no object has these keys; the keys are {_listed(self._keys)}"
        first = _short(next(iter(self._keys)))
        keys = _listed(self._keys)
        return f"no key is called question or 问题; the keys are {keys}; name the right one with --map question={first}"

    def _missing(self, node: Mapping[str, Any]) -> str:
        keys = _listed(node)
        if spec := self._wanted.get("question"):
            return f"--map question={spec}: there is no such key; the keys are {keys}"
        return f"{_NO_QUESTION} (the keys are {keys})" if node else _NO_QUESTION

    def _walk(self, node: Any, path: tuple[str, ...], category: str, depth: int, expected: bool) -> Iterator[Item]:
        if depth > _DEPTH:
            yield self._rejected(path, f"lists and objects are nested more than {_DEPTH} deep")
        elif isinstance(node, dict):
            if isinstance(node, Node) and node.line:
                path = (f"line {node.line}",)
            yield from self._object(node, path, category, depth, expected)
        elif isinstance(node, list):
            yield from self._list(node, path, category, depth)
        elif expected:
            self._found += 1
            yield self._rejected(path, 'there is no object such as {"question": …, "answer": …}')

    def _list(self, node: list[Any], path: tuple[str, ...], category: str, depth: int) -> Iterator[Item]:
        pairs = pairs_in(node) if path == () or fold(path[-1]) in _PLAIN_KEYS else None
        if pairs is not None:
            for number, values in enumerate(pairs, start=1):
                yield self._entry(values, (*path, f"item {number}"), category)
            return
        expected = self._holds(node, 0) or not path
        for number, element in enumerate(node, start=1):
            yield from self._walk(element, (*path, f"item {number}"), category, depth + 1, expected)
            node[number - 1] = None  # read and done with: a large file leaves little room for its records

    def _object(
        self, node: dict[str, Any], path: tuple[str, ...], category: str, depth: int, expected: bool
    ) -> Iterator[Item]:
        if (simple := self._simple(node)) is not None:
            yield self._entry(simple, path, category)
            return
        for key in list(node)[:50] if len(self._keys) < 50 else ():
            self._keys[str(key)] = None
        if isinstance(node, Node) and node.problem:
            self._found += 1
            yield self._rejected(path, node.problem)
            return
        if is_off(node) and (self._is_entry(node) or _weak_values(node) is not None):
            self._off += 1
            self._found += 1
            return
        entries, inner = self._entries(node), self._children(node)
        for values in entries if entries is not None else ():
            yield self._entry(values, path, category)
        if entries is None and not inner:
            asked = _questions_as_keys(node)
            for number, (question, answer) in enumerate(asked, start=1):
                values = {"question": question, "answer": answer}
                yield self._entry(values, (*path, f"entry {number}"), category)
            if not asked and expected:
                self._found += 1
                yield self._rejected(path, self._missing(node))
        label = category if depth == 0 else next((t for key in _LABELS if (t := text_of(node.get(key)))), category)
        several = len(inner) > 1
        for key, child in inner.items():
            named = key if several and fold(key) not in _PLAIN_KEYS else ("" if entries is not None else label)
            yield from self._walk(child, (*path, _short(key)), named or category, depth + 1, False)

    def _simple(self, node: dict[str, Any]) -> Values | None:
        """Give the fields of an object that has nothing but texts under known names, as most have; None of others."""
        fields = _fields_of(tuple(node)) if not self._wanted else None
        if fields is None or type(node.get(fields["question"])) is not str or (isinstance(node, Node) and node.problem):
            return None
        for key, value in node.items():
            if type(value) is not str and not _is_flat(value) and fold(key) not in _SILENT:
                return None
        if fields is not self._last:  # the same object as long as the keys are the same
            self._last = fields
            self._values(node)  # takes note of the keys
        return {field: node[key] for field, key in fields.items()}

    def _is_entry(self, node: dict[str, Any]) -> bool:
        return entries_in(node) is not None or self._values(node) is not None

    def _entries(self, node: dict[str, Any]) -> list[Values] | None:
        """Give the entries that an object is, None if it is none itself."""
        if not self._wanted:
            formed = entries_in(node)
            if formed is not None:
                self._found += not formed  # a form without questions, as that of an answer to the unknown
                return formed
        values = self._values(node)
        if values is None and not self._wanted and not any(self._holds(child, 0) for child in _containers(node)):
            values = _weak_values(node)
        if values is None:
            return None
        return [values]

    def _values(self, node: dict[str, Any]) -> Values | None:
        """Give the fields that an object holds by the names of its keys; None if none of them is a question."""
        values: Values = {}
        for field, spec in self._wanted.items():
            found = node.get(spec, _at_path(node, spec))
            if found is not None:
                values[field] = found
        held = {field: spec for field, spec in self._wanted.items() if field in values}
        unused = []
        for key, value in node.items():
            name = canonical(key) if isinstance(key, str) else None
            if name is None or name in self._wanted:
                unused.append(key)
            elif name == "similar_questions" and name in values:
                values[name] = [*texts_of(values[name]), *texts_of(value)]
            elif name not in values:
                values[name], held[name] = value, key
        question = values.get("question")
        if question is None or _is_container(question):
            return None
        self._used = held | self._used
        for key in unused:
            if len(self._unused) < 50 and fold(str(key)) not in _SILENT and str(key) not in self._wanted.values():
                self._unused[str(key)] = None
        return _plain(values, node)

    def _children(self, node: dict[str, Any]) -> dict[str, Any]:
        """Give the lists and objects below an object that hold entries."""
        return {str(key): child for key, child in node.items() if self._holds(child, 0)}

    def _holds(self, node: Any, depth: int) -> bool:
        """Tell whether entries are found in a part, by a look at the first elements of each list."""
        if depth > 6:
            return False
        if isinstance(node, list):
            if pairs_in(node[:20]) is not None and all(is_question(str(row[0])) for row in node[1:3]):
                return True
            return any(self._holds(element, depth + 1) for element in node[:_LOOKED_AT] if not isinstance(element, str))
        if not isinstance(node, dict):
            return False
        if self._wanted.get("question"):
            spec = self._wanted["question"]
            own = node.get(spec, _at_path(node, spec)) is not None
        else:
            question = next((value for key, value in node.items() if canonical(str(key)) == "question"), None)
            own = (question is not None and not _is_container(question)) or bool(entries_in(node))
            own = own or bool(_questions_as_keys(node)) or (depth > 0 and _weak_values(node) is not None)
        return own or any(self._holds(child, depth + 1) for child in _containers(node))

    def _entry(self, values: Values, path: tuple[str, ...], category: str) -> Record | Rejection:
        self._found += 1
        if category and not values.get("category"):
            values["category"] = category
        source = Source(file=self._file, place=", ".join(path))
        try:
            return to_record(values, source, limits=self._options.limits, zone=self._options.zone)
        except RejectedField as exc:
            return Rejection(source=source, reason=str(exc))

    def _rejected(self, path: Sequence[str], reason: str) -> Rejection:
        return Rejection(source=Source(file=self._file, place=", ".join(path[:8])), reason=reason)


@lru_cache(maxsize=1024)
def _fields_of(keys: tuple[str, ...]) -> Mapping[str, str] | None:
    """Give field -> key where the keys alone tell that an object is an entry; None where more has to be looked at."""
    fields: dict[str, str] = {}
    for key in keys:
        field = canonical(key)
        if field is not None and field in fields:
            return None
        if field is not None:
            fields[field] = key
        elif fold(key) in TELLING:
            return None
    return fields if "question" in fields else None


def _is_flat(value: Any) -> bool:
    """Tell a value below which there is nothing."""
    return not isinstance(value, dict) and (not isinstance(value, list) or all(type(each) is str for each in value))


def _plain(values: Values, node: Mapping[str, Any]) -> Values:
    """Bring values in the shapes that exports have to the ones that a record is made of."""
    question, answer = values["question"], values.get("answer")
    if isinstance(question, list) and all(isinstance(each, str) for each in question):
        values["question"] = question[0] if question else ""
        values["similar_questions"] = [*question[1:], *texts_of(values.get("similar_questions"))]
    elif isinstance(question, dict):
        values["question"] = text_of(question)
    if isinstance(answer, list) and all(isinstance(each, str) or text_of(each) for each in answer):
        values["answer"] = "\n\n".join(texts_of(answer))
    elif isinstance(answer, dict) and text_of(answer):
        values["answer"] = text_of(answer)
    similar = values.get("similar_questions")
    if isinstance(similar, list) and any(isinstance(each, dict) for each in similar):
        values["similar_questions"] = texts_of(similar)
    for field in ("category", "language"):
        if isinstance(values.get(field), list | dict):
            values[field] = next(iter(texts_of(values[field])), "")
    if isinstance(values.get("tags"), list) and any(isinstance(each, dict) for each in values["tags"]):
        values["tags"] = texts_of(values["tags"])
    if isinstance(values.get("id"), dict):  # as databases export them: {"$oid": "…"}
        values["id"] = next((each for each in values["id"].values() if isinstance(each, str)), "")
    if "category" not in values and isinstance(node.get("metadata"), list):
        named = [each for each in node["metadata"] if isinstance(each, dict) and each.get("name") == "category"]
        values["category"] = text_of(named[0].get("value")) if named else ""
    return values


def _weak_values(node: Mapping[str, Any]) -> Values | None:
    """Give the fields of an article, or of a text with its title beside it."""
    values: Values = {}
    metadata = node.get("metadata")
    for key, value in [*node.items(), *(metadata.items() if isinstance(metadata, dict) else ())]:
        field = (weakly(key) or canonical(key)) if isinstance(key, str) else None
        if field is not None and (isinstance(value, str) or field not in ("question", "answer")):
            values.setdefault(field, value)
    if "question" not in values or "answer" not in values or not values["question"].strip():
        return None
    return _plain(values, node)


def _questions_as_keys(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the pairs of an object whose keys are the questions: {"How to pay?": "By card."}."""
    if not node or not all(isinstance(key, str) and isinstance(value, str | list) for key, value in node.items()):
        return []
    if any(isinstance(value, list) and not all(isinstance(each, str) for each in value) for value in node.values()):
        return []
    if any(canonical(key) or weakly(key) for key in node):
        return []
    asking = sum(is_question(key) or not key.isascii() or " " in key.strip() for key in node)
    if asking * 2 < len(node) or not any(map(is_question, node)):
        return []
    return [(key, value if isinstance(value, str) else "\n\n".join(value)) for key, value in node.items()]


def _containers(node: Mapping[str, Any]) -> list[Any]:
    return [child for child in node.values() if isinstance(child, list | dict)]


def _is_container(value: Any) -> bool:
    """Tell a list of entries that is called questions from the wordings of one question."""
    if isinstance(value, dict):
        return not text_of(value)
    return isinstance(value, list) and any(not isinstance(each, str) for each in value)


def _at_path(node: Mapping[str, Any], spec: str) -> Any:
    """Give the value at "data.title"; None if there is none."""
    value: Any = node
    for part in spec.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _short(name: str) -> str:
    return " ".join(name[:40].split())


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    listed = [_short(str(name)) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more

"""Markdown: headings with text below them, or lines that start with Q: and A: (问：, 答：)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt

from ingest.records import RejectedField, Rejection
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import to_record
from ingest.split import plain_text
from knowledge.types import Source

_MARK = r"^\s{0,3}(?:[-*+]\s+)?(?:\*\*|__)?\s*(?:%s)\s*\d{0,4}\s*[:：]\s*(?:\*\*|__)?\s*"
_Q = re.compile(_MARK % "Q|Question|问|问题|提问", re.IGNORECASE)
_A = re.compile(_MARK % "A|Answer|答|答案|回答", re.IGNORECASE)
_ID = re.compile(r"\s*\{#(?P<id>[^\s{}]{1,128})\}\s*$")
_ALSO = re.compile(r"^\s*(?:Also asked|Similar questions|也可以问|相似问|相似问题)\s*[:：]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading and the lines below it, up to the next heading of any level."""

    level: int
    title: str
    id: str  # given as {#id} behind the heading; "" if none is
    line: int  # of the heading, from 0
    start: int  # first line of the body
    end: int  # line after the body


@dataclass(frozen=True, slots=True)
class _Pair:
    """A question with its answer, as found."""

    questions: tuple[str, ...]
    answer: str
    line: int  # of the question, from 0
    category: str = ""
    id: str = ""


def read_markdown(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a Markdown file in UTF-8.

    A heading with text directly below it is a question, and all up to the next heading of its level its answer. A
    heading with only headings below it is a category. The title (level 1) is neither, unless there is no other level.
    Where a section has lines with Q: and A:, those count instead; several Q: before one A: are similar questions.
    A heading may end with an id, `## Question {#id}` (Pandoc's notation), and the first line below it may give similar
    questions: `Also asked: one | another` (也可以问：…).
    """
    path, name, limits, zone = document.path, document.name, options.limits, options.zone
    whole = Source(file=name, place="")
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    if "\0" in text:
        yield Rejection(source=whole, reason="the file holds NUL characters; it may be damaged or not be text")
        return
    found = False
    for pair in _pairs(text):
        found = True
        source = Source(file=name, place=f"line {pair.line + 1}")
        values = {
            "question": pair.questions[0],
            "similar_questions": list(pair.questions[1:]),
            "answer": pair.answer,
            "category": pair.category,
        }
        if pair.id:
            values["id"] = pair.id
        try:
            yield to_record(values, source, limits=limits, zone=zone)
        except RejectedField as exc:
            yield Rejection(source=source, reason=str(exc))
    if not found:
        reason = (
            "no question was found; write each as a heading (## …) with its answer below, or as lines Q: … and A: …"
        )
        yield Rejection(source=whole, reason=reason)


def _pairs(text: str) -> Iterator[_Pair]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    tokens = MarkdownIt("commonmark").parse("\n".join(lines))
    code = {
        number
        for token in tokens
        if token.type in ("fence", "code_block") and token.map
        for number in range(*token.map)
    }
    heads = [
        (int(token.tag[1]), tokens[index + 1].content, token.map)
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]
    starts = [place[0] for _, _, place in heads] + [len(lines)]
    sections = [_section(level, title, place, starts[index + 1]) for index, (level, title, place) in enumerate(heads)]
    yield from _marked(lines, 0, starts[0], code, "")
    yield from _from_sections(lines, sections, code)


def _from_sections(lines: Sequence[str], sections: Sequence[_Section], code: set[int]) -> Iterator[_Pair]:
    titles = sum(section.level == 1 for section in sections)
    only_titles = titles == len(sections)
    category, skip_to = "", 0
    for index, section in enumerate(sections):
        if index < skip_to:
            continue
        last = next((i for i in range(index + 1, len(sections)) if sections[i].level <= section.level), len(sections))
        body = _body(lines, section.start, section.end)
        marked = list(_marked(lines, section.start, section.end, code, section.title))
        if marked:
            yield from marked
        elif section.level == 1 and not only_titles:
            category = section.title if titles > 1 else ""  # a lone title names the document
        elif body or last == index + 1:
            answer = _A.sub("", _body(lines, section.start, sections[last - 1].end), count=1)
            question, (similar, answer) = _Q.sub("", section.title, count=1), _also_asked(answer)
            yield _Pair((question, *similar), answer, section.line, category, section.id)
            skip_to = last
        else:
            category = section.title


def _section(level: int, heading: str, place: Sequence[int], end: int) -> _Section:
    given = _ID.search(heading)
    title = plain_text(_ID.sub("", heading))
    return _Section(level, title, given["id"] if given else "", place[0], place[1], end)


def _also_asked(answer: str) -> tuple[tuple[str, ...], str]:
    """Take the line of similar questions off the front of an answer."""
    first, _, rest = answer.partition("\n")
    match = _ALSO.match(first)
    if match is None:
        return (), answer
    return tuple(plain_text(each) for each in first[match.end() :].split("|") if each.strip()), rest.strip("\n")


def _marked(lines: Sequence[str], start: int, end: int, code: set[int], category: str) -> Iterator[_Pair]:
    """Find pairs by their marks; text before the first mark belongs to none."""
    questions: list[str] = []
    answer: list[str] | None = None
    first = start
    for number in range(start, end):
        line = lines[number]
        plain = number not in code
        if plain and (match := _Q.match(line)):
            if answer is not None:
                yield _Pair(tuple(questions), "\n".join(answer).strip(), first, category)
                questions, answer = [], None
            first = first if questions else number
            questions.append(plain_text(line[match.end() :]))
        elif plain and questions and answer is None and (match := _A.match(line)):
            answer = [line[match.end() :]]
        elif answer is not None:
            answer.append(line)
        elif questions and line.strip():
            questions[-1] = f"{questions[-1]} {plain_text(line)}"  # the question goes on
    if questions:
        yield _Pair(tuple(questions), "\n".join(answer or ()).strip(), first, category)


def _body(lines: Sequence[str], start: int, end: int) -> str:
    return "\n".join(lines[start:end]).strip("\n").rstrip()

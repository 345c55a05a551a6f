"""From the blocks of a document to its questions, answers and passages of prose.

What becomes of a heading with text below it:

1. It is a question ("How do I return it?", 怎么退货): an entry; all that is below it is the answer, but for headings
   below it that are questions too and become entries of their own.
2. It is none, but the document is an FAQ (at least half of its headings with text are questions or have a short text)
   and its text is short, as of "Opening hours": an entry too.
3. Else its text is prose and becomes passages, each with the headings above it as its question.

A heading with only headings below it is a category. A single heading of level 1 names the document.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from ingest.prose import Part, ProseSettings, passages, says_something, width
from ingest.records import Note, RejectedField, Rejection
from ingest.sources.blocks import About, Block, BlockKind, to_markdown
from ingest.sources.disguised import unmask
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import to_record
from ingest.sources.questions import A_MARK, after_mark, also_asked, is_question, without_number
from ingest.sources.sections import Section, all_below, sections_of
from ingest.sources.table_records import holds_records, table_records
from knowledge.types import Source

NOTHING_FOUND = "no question was found; write each as a heading (## …) with its answer below, or as lines Q: … and A: …"
_SHORT_TITLE = 60  # width of a heading that may stand for a question
_WHOLE_ANSWER = 3_000  # width; what is below a question and longer keeps its sub-headings for itself
_CONTEXT = 120  # characters of the headings above a passage; the outermost go first
_GREETING = 100  # width of a text below a title that may say nothing
# Headings that say nothing without those above them, so that two documents would contradict each other on them.
_GENERAL_WORDS = (
    "overview introduction summary note notes example examples important details description general other misc more"
    " step steps result results info information background usage 概述 简介 介绍 说明 注意 注意事项 备注 示例 例子 总结"
    " 小结 前言 背景 其他 其它 详情 步骤"
)
_GENERAL = frozenset(_GENERAL_WORDS.split())


def records(
    blocks: Iterable[Block], document: Document, options: ReadOptions, about: About | None = None
) -> Iterator[Item]:
    """Find questions with their answers, and passages of prose, in the blocks of a document, in its order.

    Args:
        blocks: in the order of reading.
        document: whose name the sources carry; without headings and title it names the passages, too.
        options: limits and columns of tables.
        about: what the document says about itself.
    """
    outline = _Outline(document, options, about or About())
    nothing = True
    for item in outline.items(unmask([_with_records(block, options) for block in blocks])):
        nothing = nothing and isinstance(item, Note)
        yield item
    if nothing:
        yield Rejection(source=Source(file=document.name, place=""), reason=NOTHING_FOUND)


def _with_records(block: Block, options: ReadOptions) -> Block:
    """Let tables of questions go with the pairs."""
    if block.kind is BlockKind.TABLE and holds_records(block, options.columns):
        return replace(block, kind=BlockKind.PAIR)
    return block


class _Outline:
    """One document on its way from sections to records."""

    def __init__(self, document: Document, options: ReadOptions, about: About) -> None:
        self._document = document
        self._options = options
        self._about = about
        self._prose = ProseSettings()
        self._title = about.title or PurePosixPath(document.name).stem.replace("_", " ").strip()
        self._faq = True
        self._named: Counter[str] = Counter()
        self._title_level, self._lone_title = 0, False

    def items(self, blocks: Sequence[Block]) -> Iterator[Item]:
        """Give what was found, and notes of what was left out."""
        root = sections_of(blocks)
        sections = list(all_below(root))
        titles = sum(section.level == 1 for section in sections)
        mixed = titles < len(sections)  # headings of level 1 are titles where there are others
        self._title_level, self._lone_title = (1, titles == 1) if mixed else (0, False)
        self._named = Counter(section.title.casefold() for section in sections)
        texts = [section for section in sections if section.own and section.level != self._title_level]
        likely = sum(section.asks or self._is_short(section) for section in texts)
        self._faq = 2 * likely >= len(texts)
        yield from self._loose(root, (), self._about.category)
        for pair in root.pairs:
            yield from self._pair(pair, self._about.category)
        for section in root.below:
            yield from self._section(section, (), self._about.category)

    def _section(self, section: Section, path: tuple[str, ...], category: str) -> Iterator[Item]:
        is_title = section.level == self._title_level
        path = (*path, section.title)
        names_category = not section.asks and not (is_title and self._lone_title)
        within = section.title if names_category else category
        if self._is_entry(section, is_title=is_title):
            yield from self._entry(section, category)
            left = section.below if self._is_chapter(section) else [*section.detached()]
            within = category
        else:
            yield from self._loose(section, path, category)
            left = section.below
        for pair in section.pairs:
            yield from self._pair(pair, within or ("" if section.asks else section.title))
        for each in left:
            yield from self._section(each, path, within)

    def _is_entry(self, section: Section, *, is_title: bool) -> bool:
        if section.asks:  # with nothing but other questions below, it only introduces them: "Any questions?"
            return bool(section.own) or not (section.pairs or any(section.detached()))
        return bool(section.own) and not is_title and self._faq and self._is_short(section)

    def _is_short(self, section: Section) -> bool:
        title = section.title.casefold()
        if not title or width(title) > _SHORT_TITLE or self._named[title] > 1 or without_number(title) in _GENERAL:
            return False
        return section.answer_width() <= self._prose.max_width

    def _is_chapter(self, section: Section) -> bool:
        """Whether a question is so broad that the headings below it stand for themselves."""
        return bool(section.own) and section.answer_width() > _WHOLE_ANSWER

    def _entry(self, section: Section, category: str) -> Iterator[Item]:
        assert section.heading is not None
        blocks = section.own if self._is_chapter(section) else section.answer()
        first, newline, rest = to_markdown(blocks).partition("\n")
        if match := A_MARK.match(first):
            first = after_mark(first, match)
        similar, answer = also_asked(f"{first}{newline}{rest}")
        question = without_number(section.title)
        if self._is_too_long(answer):
            yield from self._passages(blocks, question, category)
        else:
            yield self._record(section.heading, question, answer, category, similar)

    def _pair(self, block: Block, category: str) -> Iterator[Item]:
        if block.rows:
            yield from table_records(block, self._document, self._options, self._defaults(category))
        elif block.answer and (
            self._is_too_long(block.answer)
            or (width(block.answer) > self._prose.max_width and not is_question(block.text))
        ):
            answer = Block(kind=BlockKind.TEXT, place=block.place, text=block.answer)
            yield from self._passages([answer], block.text, category)
        else:
            yield self._record(block, block.text, block.answer, category, block.similar)

    def _is_too_long(self, answer: str) -> bool:
        return len(answer.encode("utf-8", "surrogatepass")) > self._options.limits.max_field_bytes

    def _record(self, block: Block, question: str, answer: str, category: str, similar: Sequence[str]) -> Item:
        source = Source(file=self._document.name, place=block.place)
        values = {**self._defaults(category), "question": question, "answer": answer, "similar_questions": [*similar]}
        if block.id:
            values["id"] = block.id
        try:
            return to_record(values, source, limits=self._options.limits, zone=self._options.zone)
        except RejectedField as exc:
            return Rejection(source=source, reason=str(exc))

    def _defaults(self, category: str) -> dict[str, Any]:
        about = self._about
        return {"category": category or about.category, "tags": list(about.tags), "language": about.language}

    def _loose(self, section: Section, path: tuple[str, ...], category: str) -> Iterator[Item]:
        """Give what stands below a heading that is no question."""
        if section.own and section.level in (0, self._title_level) and _is_greeting(section.own):
            shown = _shown(to_markdown(section.own))
            yield self._left_out(section.own[0], f'left out, as it says too little to answer anything: "{shown}"')
        elif section.own:
            headings = list(path or (self._title,))
            while len(headings) > 1 and sum(len(each) + 3 for each in headings) > _CONTEXT:
                headings.pop(0)
            yield from self._passages(section.own, " › ".join(headings), category)
        elif section.heading and not section.below and not section.pairs:
            yield self._left_out(section.heading, f'nothing stands below the heading "{_shown(section.title)}"')

    def _passages(self, blocks: Sequence[Block], context: str, category: str) -> Iterator[Item]:
        parts = (Part(text=to_markdown([block]), place=block.place, tight=block.tight) for block in blocks)
        for part in passages(parts, self._prose):
            source = Source(file=self._document.name, place=part.place)
            values = {**self._defaults(category), "question": context, "answer": part.text}
            try:
                record = to_record(values, source, limits=self._options.limits, zone=self._options.zone)
            except RejectedField as exc:
                yield Rejection(source=source, reason=str(exc))
            else:
                yield replace(record, prose=True)

    def _left_out(self, block: Block, text: str) -> Note:
        return Note(source=Source(file=self._document.name, place=block.place), text=text)


def _is_greeting(blocks: Sequence[Block]) -> bool:
    """Whether what stands below a title says nothing: "Welcome!"."""
    text = to_markdown(blocks)
    return width(text) < _GREETING and not says_something(text)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"

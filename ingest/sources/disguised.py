"""Questions that a document does not mark as headings: lines with Q: and A:, bold and numbered lines, list items."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ingest.sources.blocks import Block, BlockKind, to_markdown
from ingest.sources.questions import (
    A_MARK,
    Q_MARK,
    after_mark,
    ends_as_question,
    is_numbered,
    is_question,
    without_number,
)
from ingest.split import plain_text

BOLD_LEVEL = 7  # below all real headings, which end at 6; a plain line is below a bold one
PLAIN_LEVEL = 8
_LONGEST_QUESTION = 160  # characters of a line that may be a question in disguise
_LONGEST_HEADING = 60  # of one that is only bold
_REJECTED_LENGTH = 70_000  # of a question: longer than any field may be
_RUN_IN = re.compile(r"(\*\*|__)(?P<question>[^*_\n]{2,160}?)\1[ \t]*[:：]?[ \t]*\n?(?P<answer>[^\s].*)", re.DOTALL)
_ITEM = re.compile(r"(?P<indent> {0,3})(?P<marker>[-*+]|\d{1,9}[.)])(?P<space>[ \t]+)(?P<text>\S.*)")
_ANY_MARK = re.compile(Q_MARK.pattern, re.IGNORECASE | re.MULTILINE)


def unmask(blocks: Sequence[Block]) -> list[Block]:
    """Make headings and pairs of questions in disguise; what is none stays as it is, in its order.

    Lines marked Q: and A: are pairs wherever they stand. The other disguises count only where no answer is running:
    below a heading that is a question and has text, a bold line or a list of questions is part of that answer.
    """
    marked = list(_Marks().pairs(blocks))
    has_headings = any(block.kind is BlockKind.HEADING for block in marked)
    plain_lines = 0 if has_headings else sum(_is_plain_question(block) for block in marked)
    found: list[Block] = []
    below_question = answered = False
    for index, block in enumerate(marked):
        if block.kind is BlockKind.HEADING:
            below_question, answered = is_question(block.text), False
            found.append(block)
            continue
        following = marked[index + 1] if index + 1 < len(marked) else None
        if below_question and answered:
            found.append(_within_answer(block))
        else:
            found += _uncovered(block, following, has_headings=has_headings, plain_lines=plain_lines > 1)
        answered = answered or block.kind is BlockKind.TEXT
    return found


def _within_answer(block: Block) -> Block:
    """Keep what folds open inside an answer ("Show the steps") in that answer, unless it asks something itself."""
    if block.kind is BlockKind.PAIR and not block.rows and not is_question(block.text):
        return replace(block, kind=BlockKind.TEXT, text=to_markdown([block]), answer="")
    return block


def _uncovered(block: Block, following: Block | None, *, has_headings: bool, plain_lines: bool) -> list[Block]:
    if block.kind is not BlockKind.TEXT or block.code:
        return [block]
    first, _, rest = block.text.partition("\n")
    if _ITEM.match(first) and (pairs := _list_pairs(block)):
        return pairs
    if run_in := _run_in_pair(block):
        return [run_in]
    if rest.strip() and len(first) <= _LONGEST_QUESTION and _is_numbered_question(first):
        return [_heading(block, first, PLAIN_LEVEL), replace(block, text=rest.strip("\n"), tight=True)]
    if rest.strip() or following is None or following.kind in (BlockKind.HEADING, BlockKind.PAIR):
        return [block]
    plain = plain_text(first)
    if not 1 < len(plain) <= _LONGEST_QUESTION:
        return [block]
    if block.bold and is_question(plain):
        return [_heading(block, first, BOLD_LEVEL)]
    if block.bold and not has_headings and _may_head(plain) and not following.bold:
        return [_heading(block, first, BOLD_LEVEL)]
    if _asks(following):  # a list of questions without their answers
        return [block]
    if _is_numbered_question(first) or (plain_lines and _is_plain_question(block)):
        return [_heading(block, first, PLAIN_LEVEL)]
    return [block]


def _heading(block: Block, line: str, level: int) -> Block:
    text = without_number(plain_text(_unlisted(line)))
    return Block(kind=BlockKind.HEADING, place=block.place, text=text, level=level, written=line, tight=block.tight)


def _is_numbered_question(line: str) -> bool:
    plain = plain_text(line)
    return ends_as_question(plain) and (is_numbered(line) or is_numbered(plain))


def _unlisted(line: str) -> str:
    match = _ITEM.match(line)
    return match["text"] if match else line


def _may_head(plain: str) -> bool:
    return len(plain) <= _LONGEST_HEADING and plain[-1] not in "。.;；,，:：!！"


def _asks(block: Block) -> bool:
    return block.kind is BlockKind.TEXT and "\n" not in block.text and ends_as_question(plain_text(block.text))


def _is_plain_question(block: Block) -> bool:
    if block.kind is not BlockKind.TEXT or block.code or "\n" in block.text or len(block.text) > _LONGEST_QUESTION:
        return False
    return ends_as_question(plain_text(block.text))


def _run_in_pair(block: Block) -> Block | None:
    """Find a bold question at the front of its answer: **How to pay?** By card."""
    match = _RUN_IN.match(block.text)
    if match is None or not ends_as_question(match["question"]):
        return None
    question = without_number(plain_text(match["question"]))
    return replace(block, kind=BlockKind.PAIR, text=question, answer=match["answer"].strip(), bold=False)


@dataclass(slots=True)
class _Item:
    """An item of a list: its first line, and the lines that are indented below it."""

    marker: str
    first: str
    lines: list[str]  # as written, the marker included
    below: list[str]  # without the indentation of the item's own text


def _list_pairs(block: Block) -> list[Block]:
    """Make pairs of the items that are a question with a nested block as answer; [] if there is no such item."""
    found: list[Block] = []
    others: list[str] = []
    for item in _items(block.text):
        pair = _item_pair(item, block)
        if pair is None:
            others += item.lines
            continue
        if others:
            found.append(replace(block, text="\n".join(others).strip("\n")))
            others = []
        found.append(pair)
    if not any(each.kind is BlockKind.PAIR for each in found):
        return []
    return [*found, replace(block, text="\n".join(others).strip("\n"))] if others else found


def _item_pair(item: _Item, block: Block) -> Block | None:
    plain, answer = plain_text(item.first), "\n".join(item.below).strip("\n")
    if len(item.first) <= _LONGEST_QUESTION and is_question(plain) and answer.strip():
        return replace(block, kind=BlockKind.PAIR, text=without_number(plain), answer=answer, bold=False)
    own = replace(block, text="\n".join([item.first, *item.below]).strip("\n"))
    return _run_in_pair(own)


def _items(text: str) -> Iterator[_Item]:
    """Take a list apart at the markers of its outermost items."""
    item: _Item | None = None
    width, outer = 0, 0
    for line in text.split("\n"):
        match = _ITEM.match(line)
        if match and (item is None or len(match["indent"]) <= outer):
            if item is not None:
                yield item
            outer = len(match["indent"])
            width = len(match["indent"]) + len(match["marker"]) + min(len(match["space"]), 4)
            item = _Item(match["marker"], match["text"], [line], [])
        elif item is not None:
            item.lines.append(line)
            indent = len(line) - len(line.lstrip(" "))
            item.below.append(line[min(indent, width) :])
    if item is not None:
        yield item


@dataclass(slots=True)
class _Marks:
    """Finds pairs by their marks; several questions before one answer are wordings of the same."""

    questions: list[str] = field(default_factory=list)
    answer: list[str] | None = None  # its lines
    place: str = ""

    def pairs(self, blocks: Sequence[Block]) -> Iterator[Block]:
        """Give the blocks with those that are marked made pairs."""
        for block in blocks:
            if block.kind in (BlockKind.HEADING, BlockKind.PAIR):
                yield from self._close()
                yield block
            elif block.kind is BlockKind.TEXT and not block.code and self._concerns(block):
                yield from self._marked(block)
            elif self.answer and block.bold and ends_as_question(plain_text(block.text)):  # people mix their marks
                yield from self._close()
                yield block
            elif self.questions:  # the answer goes on; one without a mark begins with a paragraph of its own
                self._gap(block)
                self._answer().append(block.text)
            else:
                yield block
        yield from self._close()

    def _concerns(self, block: Block) -> bool:
        waiting = bool(self.questions) and self.answer is None
        return _ANY_MARK.search(block.text) is not None or (waiting and A_MARK.match(block.text) is not None)

    def _marked(self, block: Block) -> Iterator[Block]:
        before: list[str] = []
        fenced = False
        self._gap(block)
        for line in block.text.split("\n"):
            fenced ^= line.lstrip().startswith(("```", "~~~"))
            if not fenced and (match := Q_MARK.match(line)):
                if before:
                    yield replace(block, text="\n".join(before))
                    before = []
                if self.answer is not None:
                    yield from self._close()
                self.place = self.place if self.questions else block.place
                self.questions.append(plain_text(after_mark(line, match)))
            elif not fenced and self.questions and self.answer is None and (match := A_MARK.match(line)):
                self._answer().append(after_mark(line, match))
            elif self.answer is not None:
                self.answer.append(line)
            elif self.questions:
                self._lengthen(line)
            else:
                before.append(line)
        if before:
            yield replace(block, text="\n".join(before))

    def _answer(self) -> list[str]:
        self.answer = [] if self.answer is None else self.answer
        return self.answer

    def _gap(self, block: Block) -> None:
        if self.answer and not block.tight:
            self.answer.append("")

    def _lengthen(self, line: str) -> None:
        """Let the question go on, up to a length that is rejected anyhow."""
        if line.strip() and len(self.questions[-1]) < _REJECTED_LENGTH:
            self.questions[-1] = f"{self.questions[-1]} {plain_text(line)}".strip()

    def _close(self) -> Iterator[Block]:
        questions = [question for question in self.questions if question]
        if self.questions:
            yield Block(
                kind=BlockKind.PAIR,
                place=self.place,
                text=questions[0] if questions else "",
                similar=tuple(questions[1:]),
                answer="\n".join(self.answer or []).strip(),
            )
        self.questions, self.answer, self.place = [], None, ""

"""The tree of headings of a document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.prose import width
from ingest.sources.blocks import Block, BlockKind, to_markdown
from ingest.sources.questions import is_question


@dataclass(slots=True)
class Section:
    """A heading with what stands below it, up to the next heading of its level or a higher one."""

    heading: Block | None  # None of what is above the first
    own: list[Block] = field(default_factory=list)  # texts and tables directly below it
    pairs: list[Block] = field(default_factory=list)  # pairs directly below it
    below: list["Section"] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The heading, "" of what is above the first."""
        return self.heading.text if self.heading else ""

    @property
    def level(self) -> int:
        """The heading's, 0 of what is above the first."""
        return self.heading.level if self.heading else 0

    @property
    def asks(self) -> bool:
        """Whether the heading is a question."""
        return is_question(self.title)

    def detached(self) -> Iterator["Section"]:
        """Give the sections anywhere below that are no part of an answer here: questions of their own, and pairs."""
        for each in self.below:
            if each.asks or each.pairs:
                yield each
            else:
                yield from each.detached()

    def answer(self) -> list[Block]:
        """Give the blocks below the heading but for those that are detached."""
        blocks = list(self.own)
        for each in self.below:
            if each.heading and not (each.asks or each.pairs):
                inner = each.answer()
                blocks += [each.heading, *inner] if inner or not each.below else []
        return blocks

    def answer_width(self) -> int:
        """How long the answer would be."""
        return width(to_markdown(self.answer()))


def sections_of(blocks: Sequence[Block]) -> Section:
    """Put blocks below their headings; the root has no heading and level 0."""
    root = Section(heading=None)
    trail = [root]
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            while len(trail) > 1 and trail[-1].level >= block.level:
                trail.pop()
            section = Section(heading=block)
            trail[-1].below.append(section)
            trail.append(section)
        elif block.kind is BlockKind.PAIR:
            trail[-1].pairs.append(block)
        else:
            trail[-1].own.append(block)
    return root


def all_below(section: Section) -> Iterator[Section]:
    """Give all sections below one, in the order of the document."""
    for each in section.below:
        yield each
        yield from all_below(each)

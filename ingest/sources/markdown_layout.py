"""Markdown for lists, quotations and listings that are met one piece after the other."""

from dataclasses import dataclass

_DEEPEST = 8  # lists and quotations within each other; those within them are written at that depth


@dataclass(slots=True)
class _Container:
    """A list, an item or a quotation that is open."""

    name: int  # of the node that closes it
    first: str  # before its first line
    rest: str  # before the others
    number: int = 0  # of ordered lists: the last item's
    used: bool = False


class Layout:
    """Puts the marks of the lists and quotations that are open before lines."""

    def __init__(self) -> None:
        self._containers: list[_Container] = []
        self._lines: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether a list or quotation is open."""
        return bool(self._containers)

    def open_list(self, name: int, *, start: int | None) -> None:
        """Begin a list; start is the first number, None of lists without numbers."""
        self._open(_Container(name, "", "", number=-1 if start is None else max(start, 0)))

    def open_quote(self, name: int) -> None:
        """Begin a quotation."""
        self._open(_Container(name, "> ", "> "))

    def open_item(self, name: int) -> None:
        """Begin an item of the innermost list."""
        inner = self._containers[-1] if self._containers else None
        if inner is None or inner.first or inner.number < 0:
            marker = "- "
        else:
            marker = f"{inner.number}. "
            inner.number += 1
        self._open(_Container(name, marker, " " * len(marker)))

    def _open(self, container: _Container) -> None:
        if len(self._containers) < _DEEPEST:
            self._containers.append(container)

    def close(self, name: int) -> str:
        """End what was begun under the name; gives the whole once the outermost ends, else ""."""
        if not self._containers or self._containers[-1].name != name:
            return ""
        self._containers.pop()
        if self._containers:
            return ""
        text, self._lines = "\n".join(self._lines).rstrip(), []
        return text

    def add(self, text: str) -> None:
        """Add a paragraph or a listing."""
        if self._containers and self._containers[-1].used:
            gap = "".join(each.rest for each in self._containers).rstrip()
            self._lines.append(gap)
        for line in text.split("\n"):
            self._lines.append("".join(each.rest if each.used else each.first for each in self._containers) + line)
            for each in self._containers:
                each.used = True


def fenced(code: str, language: str = "") -> str:
    """Write a listing."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code}\n{fence}"


def table_markdown(rows: tuple[tuple[str, ...], ...]) -> str:
    """Write a table; what stands on several lines of a cell comes onto one."""
    columns = max(map(len, rows), default=0)
    lines = []
    for row in rows:
        cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join([*cells, *[""] * (columns - len(cells))]) + " |")
    return "\n".join([*lines[:1], "|" + " --- |" * columns, *lines[1:]])

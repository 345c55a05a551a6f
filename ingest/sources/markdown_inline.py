"""The text of one paragraph on its way from HTML, or from another format with runs of text, to Markdown."""

import re
from dataclasses import dataclass

_ESCAPED = re.compile(r"[\\`*\[\]<]|(?<![^\W_])_|_(?![^\W_])|~(?=~)|&(?=#?\w{1,32};)|!(?=\[)")
_LINE_START = re.compile(
    r"^(?P<space>[ \t]*)(?:(?P<number>\d{1,9})(?P<dot>[.)])(?=\s|$)|(?P<mark>>|#(?=[# \t]|$)|[-+=](?=[-+= \t]|$)))",
    re.MULTILINE,
)
_SPACE = re.compile(r"[^\S\n]+")
_DEEPEST = 6  # marks within marks; those within them are left away, as each costs a copy of its text
# Stand for the marks until the paragraph is whole, as what they may touch depends on both sides; private use, so
# that no text holds them (they are taken out of what does).
_OPEN = {"**": "\ue001", "*": "\ue003", "~~": "\ue005"}
_CLOSE = {"**": "\ue002", "*": "\ue004", "~~": "\ue006"}
_MARKS = {**{char: mark for mark, char in _OPEN.items()}, **{char: mark for mark, char in _CLOSE.items()}}
_ANY_MARK = re.compile("[\ue001-\ue006]")
# A mark between punctuation on its inner and a letter on its outer side would be no mark (CommonMark 6.2): Chinese
# text has no spaces there, so that one is put in.
_NO_OPENING = re.compile("(?<=\\w)(?=[\ue001\ue003\ue005]+[^\\w\\s\ue001-\ue006])")
_NO_CLOSING = re.compile("(?<=[^\\w\\s\ue001-\ue006])([\ue002\ue004\ue006]+)(?=\\w)")


def escape(text: str) -> str:
    """Escape what would be a mark within a line of Markdown."""
    return _ESCAPED.sub(r"\\\g<0>", text)


@dataclass(slots=True)
class _Open:
    """A mark that is not closed yet."""

    name: str  # of the element that closes it
    mark: str  # "**", "*", "~~", "`" or "" of links
    href: str
    start: int  # the first piece inside it


class Inline:
    """Collects the pieces of a paragraph; marks that are open when it ends go on in the next."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._open: list[_Open] = []
        self._ignored: list[str] = []  # names of elements below the deepest

    def add(self, text: str) -> None:
        """Add text as it is shown, white space as in the source."""
        if any(each.mark == "`" for each in self._open):
            self._pieces.append(_ANY_MARK.sub("", text))
        else:
            self._pieces.append(escape(_ANY_MARK.sub("", text)))

    def add_markdown(self, text: str) -> None:
        """Add what is Markdown already."""
        self._pieces.append(text)

    def space(self) -> None:
        """Add white space, which counts only between other things."""
        if self._pieces:
            self._pieces.append(" ")

    def line_break(self) -> None:
        """End the line; the paragraph goes on."""
        self._pieces.append("\n")

    def open(self, name: str, mark: str, href: str = "") -> None:
        """Begin an element that is shown with a mark or as a link."""
        if len(self._open) >= _DEEPEST:
            self._ignored.append(name)
        else:
            self._open.append(_Open(name, mark, href, len(self._pieces)))

    def close(self, name: str) -> None:
        """End an element; elements that were begun inside it and not ended are ended too."""
        if self._ignored:
            if name in self._ignored:
                while self._ignored.pop() != name:
                    pass
            return
        if not any(each.name == name for each in self._open):
            return
        while self._open:
            last = self._open.pop()
            self._wrap(last)
            if last.name == name:
                return

    def take(self) -> str:
        """End the paragraph and give it, "" if nothing is in it."""
        if not self._pieces:
            return ""
        for each in reversed(self._open):
            self._wrap(each)
        text = "".join(self._pieces)
        self._pieces = []
        for each in self._open:
            each.start = 0
        text = _SPACE.sub(" ", text)
        lines = [line.strip() for line in text.split("\n")]
        text = _LINE_START.sub(_escape_start, "\n".join(lines).strip("\n"))
        text = _NO_CLOSING.sub(r"\1 ", _NO_OPENING.sub(" ", text))
        return _ANY_MARK.sub(lambda match: _MARKS[match[0]], text).replace("\n", "  \n")

    def _wrap(self, each: _Open) -> None:
        inner = "".join(self._pieces[each.start :])
        if text := inner.strip():
            before, after = inner[: inner.index(text[0])], inner[len(inner.rstrip()) :]
            self._pieces[each.start :] = [before, _wrapped(each, text), after]


def _wrapped(each: _Open, text: str) -> str:
    if each.mark == "`":
        flat = " ".join(text.split())
        longest = max(map(len, re.findall("`+", flat)), default=0)
        pad = " " if flat.startswith("`") or flat.endswith("`") else ""
        return f"{'`' * (longest + 1)}{pad}{flat}{pad}{'`' * (longest + 1)}"
    if each.mark:
        opening, closing = _OPEN[each.mark], _CLOSE[each.mark]
        lines = text.split("\n")
        return "\n".join(f"{opening}{line.strip()}{closing}" if line.strip() else "" for line in lines)
    if not each.href or "](" in text:
        return text
    href = each.href.replace("\\", "%5C").replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    return f"[{' '.join(text.split())}]({href.replace('<', '%3C').replace('>', '%3E')})"


def _escape_start(match: re.Match[str]) -> str:
    if match["number"]:
        return f"{match['number']}\\{match['dot']}"
    return f"\\{match['mark']}"

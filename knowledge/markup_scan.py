"""Takes out of a Markdown text what an answer must not hold; linear in the text, in at most five passes."""

import re
from functools import cache

from knowledge.markup_code import HTML_START, CodeMap, map_code
from knowledge.markup_policy import DANGEROUS, DROPPED, HANDLER, TAGS, VOID, complaint
from knowledge.markup_tags import rewrite

_NEXT = re.compile(r"\r\n?|\n|\\[^\r\n]|`+|<|\[|\]")
_BLANK = re.compile(r"[ \t]*(?:[\r\n]|\Z)")
_LINE_END = re.compile(r"[\r\n]|\Z")
_TABLE_RULE = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*+\|?[ \t]*$", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"(?:\r\n?|\n)[ \t]*(?:[\r\n]|\Z)|\Z")
_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*+)(?=[\s/>])"
    r"(?P<rest>(?:[^<>\"'=]++|=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')?+|\"[^\"<>]*+\"|'[^'<>]*+')*+)>"
)
_EMPTY_LINE = re.compile(r"(?:\r\n?|\n)[ \t]*[\r\n]")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.\-]{1,31}:[^\s<>`\"']*+)>")
_HANDLER_PATH = re.compile(
    r"/on\w*=", re.IGNORECASE
)  # <https://x/onclick=f()> is a tag to a program that knows HTML only
_MAIL = re.compile(r"<[A-Za-z0-9.!#$%&*+?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}>")
_GAP = r"[ \t>]*+(?:(?:\r\n?|\n)[ \t>]*+)?+"
_SEEN = 250  # characters of an address that are looked at; its scheme must have ended long before
_ADDRESS = rf"(?:<(?P<angle>[^<>\r\n]*+)>|<?(?P<bare>[^ \t\r\n]{{0,{_SEEN}}}+))"
_TARGET = re.compile(rf"\({_GAP}{_ADDRESS}")
_DEFINITION = re.compile(rf":{_GAP}{_ADDRESS}")
_MAY_FOLLOW = re.compile(r"[ \t]*+(?:[\r\n]|\Z|[\"'(]|\))")
_PLAIN_LINK = re.compile(r"\([^\s()<>`\\\"']*+(?:[ \t]+\"[^\"`\r\n\\<]*+\")?\)")
_WORD_END = re.compile(r"(?=[ \t\r\n])|\Z")
_MARKS = re.compile(r"[ \t>*+\-\d.)]*")
_PARENTHESIS = re.compile(r"[()]|(?:\r\n?|\n)[ \t]*[\r\n]")
_PASSES = 4


def scan(text: str) -> tuple[str, frozenset[str]]:
    """Give the text without what is not allowed, and the names of what was taken out.

    Taking something out may turn what is around it into something else. So this is repeated until nothing is found,
    and a text that does not come to rest is in the end read as if it held no code.
    """
    removed: frozenset[str] = frozenset()
    for attempt in range(_PASSES):
        clean, found = _Pass(text, trust_code=attempt + 1 < _PASSES).run()
        removed |= found
        if clean == text:
            break
        text = clean
    return text, removed


class _Pass:
    """One walk over a text."""

    def __init__(self, text: str, *, trust_code: bool) -> None:
        self.text = text
        self.at = 0
        self.end = len(text)  # of the stretch that is walked over
        self.out: list[str] = []
        self.found: set[str] = set()
        self.has_code = trust_code and ("`" in text or "~~~" in text)
        code = map_code(text) if self.has_code else CodeMap((), 0)
        self.fences, self.trusted_until = code.fences, code.trusted_until
        self.doubtful = False  # what backticks enclose may not be code, up to the end of the paragraph
        self.doubtful_line = False  # the same up to the end of the line
        self.brackets: list[tuple[int, bool]] = []  # the open ones: where in `out`; whether first on their line
        self.line_start = 0
        self.line_end = -1
        self.paragraph_start = 0
        self.paragraph_end = -1
        self.in_table = False
        self.no_parenthesis_before = 0  # up to here there is none that closes
        self.unclosed: set[str] = set()  # what is not closed in the rest of the stretch

    def run(self) -> tuple[str, frozenset[str]]:
        for start, end in (*self.fences, (len(self.text), len(self.text))):
            self.end = start
            self._stretch()
            self.out.append(self.text[start:end])
            self.at = end
        return "".join(self.out), frozenset(self.found - {""})

    def _stretch(self) -> None:
        """Walk over a stretch without fences."""
        text, out, find, end = self.text, self.out, _NEXT.search, self.end
        self.unclosed.clear()
        self.line_start = self.at
        self._new_line(blank=True)
        while match := find(text, self.at, end):
            position, token = match.start(), match[0]
            if position > self.at:
                out.append(text[self.at : position])
            self.at = match.end()
            first = token[0]
            if first == "<":
                self._angle(position)
            elif first == "[":
                first_on_line = _MARKS.fullmatch(text, self.line_start, position) is not None
                self.brackets.append((len(out), first_on_line))
                out.append("[")
            elif first == "]":
                self._bracket()
            elif first == "`":
                self._backticks(position, token)
            elif first == "\\":
                self._backslash(position, token)
            else:
                out.append(token)
                self.line_start = self.at
                self._new_line(blank=_BLANK.match(text, self.at) is not None)
        out.append(text[self.at : end])
        self.at = max(self.at, end)

    def _new_line(self, *, blank: bool) -> None:
        self.doubtful_line = False
        if blank:
            self.doubtful = False
            self.paragraph_start = self.at
            self.brackets.clear()
        if self.has_code and HTML_START.match(
            self.text, self.at
        ):  # to some programs an HTML block, in which backticks mean nothing
            self.doubtful = True

    def _backslash(self, position: int, token: str) -> None:
        """Keep an escape; but one before a tag holds in Markdown only, not where the text stands in HTML."""
        follows = self.text[self.at : self.at + 1]
        if token == "\\<" and ((follows.isascii() and follows.isalpha()) or follows in ("/", "!", "?")):
            self.out.append("&lt;")
        else:
            self.out.append(token)

    # -- code

    def _backticks(self, position: int, run: str) -> None:
        """Step over a span of code if it is one to everybody: on one line, and not cut by the cells of a table."""
        self.out.append(run)
        if self.doubtful or self.doubtful_line or position >= self.trusted_until:
            return
        if self.line_end < position:
            self.line_end = _start(_LINE_END, self.text, position)
        span = _span_of(len(run)).match(self.text, self.at, self.line_end)
        if span is None:
            self.doubtful = True
        elif "|" in span[0] and self._is_in_table(position):
            self.doubtful_line = True
        else:
            self.out.append(span[0])
            self.at = span.end()

    def _is_in_table(self, position: int) -> bool:
        if position > self.paragraph_end:
            self.paragraph_end = _start(_PARAGRAPH_END, self.text, position)
            rule = _TABLE_RULE.search(self.text, self.paragraph_start, self.paragraph_end)
            self.in_table = rule is not None
        return self.in_table

    # -- links

    def _bracket(self) -> None:
        opened, first_on_line = self.brackets.pop() if self.brackets else (None, False)
        follows = self.text[self.at : self.at + 1]
        if follows == "(":
            self._link(opened)
        elif follows == ":" and first_on_line:
            self._definition()
        else:
            self.out.append("]")

    def _link(self, opened: int | None) -> None:
        target = _TARGET.match(self.text, self.at, self.end)
        why = self._complaint(target) if target else ""
        if not why:
            self.out.append("]")
            if plain := _PLAIN_LINK.match(self.text, self.at, self.end):
                self.out.append(plain[0])
                self.at = plain.end()
            else:
                self.doubtful = True  # backticks in an address are none
            return
        self.found.add(why)
        close = self._closing_parenthesis()
        if close is None:
            self.out.append("] ")
            return
        if opened is None:
            self.out.append("]")
        else:
            self._unopen(opened)
        self._drop_up_to(close)

    def _unopen(self, opened: int) -> None:
        """Take an opening bracket out again, with the mark of an image before it."""
        out = self.out
        out[opened] = ""
        if opened and out[opened - 1].endswith("!"):
            out[opened - 1] = out[opened - 1][:-1]
        while out and not out[-1]:
            out.pop()

    def _definition(self) -> None:
        self.out.append("]")
        target = _DEFINITION.match(self.text, self.at, self.end)
        why = self._complaint(target) if target else ""
        if target and why:
            self.found.add(why)
            self.out.append(": #")
            self.at = _start(_WORD_END, self.text, target.end())
        else:
            self.doubtful = True  # the title of a definition may hold backticks

    def _complaint(self, target: "re.Match[str]") -> str:
        address = target["angle"] if target["angle"] is not None else target["bare"]
        whole = target["angle"] is not None or len(address) >= _SEEN
        surely = whole or _MAY_FOLLOW.match(self.text, target.end()) is not None
        return complaint(address, surely_link=surely)

    def _closing_parenthesis(self) -> int | None:
        """Find where the parenthesis that opens here ends; None if it does not in this paragraph."""
        if self.at < self.no_parenthesis_before:
            return None
        depth = 0
        for found in _PARENTHESIS.finditer(self.text, self.at, self.end):
            if found[0] == "(":
                depth += 1
            elif found[0] == ")":
                depth -= 1
                if depth == 0:
                    return found.end()
            else:
                self.no_parenthesis_before = found.start()
                return None
        self.no_parenthesis_before = self.end
        return None

    # -- tags

    def _angle(self, position: int) -> None:
        follows = self.text[self.at : self.at + 1]
        if follows in ("!", "?"):
            self._declaration(position, follows)
        elif not (follows == "/" or (follows.isascii() and follows.isalpha())):
            self.out.append("<")
        elif link := _AUTOLINK.match(self.text, position, self.end):
            self._autolink(link)
        elif mail := _MAIL.match(self.text, position, self.end):
            self.out.append(mail[0])
            self.at = mail.end()
        elif (tag := _TAG.match(self.text, position, self.end)) and not _EMPTY_LINE.search(tag[0]):
            self._tag(tag)
        else:
            self.out.append("&lt;")

    def _declaration(self, position: int, follows: str) -> None:
        """Take out comments, <!DOCTYPE …>, <![CDATA[ … ]]> and <?processing instructions?>."""
        closing = "-->" if self.text.startswith("<!--", position) else ">"
        close = -1 if closing in self.unclosed else self.text.find(closing, position + 2, self.end)
        if close < 0:
            self.unclosed.add(closing)
            self.out.append("&lt;")
        elif follows == "!" and closing == ">" and not re.match(r"[A-Za-z\[]", self.text[position + 2 : position + 3]):
            self.out.append("&lt;")
        else:
            self._drop_up_to(close + len(closing))

    def _autolink(self, link: "re.Match[str]") -> None:
        why = complaint(link[1], surely_link=False)
        if why:
            self.found.add(why)
            self._drop_up_to(link.end())
        elif complaint(link[1]) or _HANDLER_PATH.search(link[1]):
            self.out.append("&lt;")  # <o:p>, <key:value>: no link that anybody would follow
        else:
            self.out.append(link[0])
            self.at = link.end()

    def _tag(self, tag: "re.Match[str]") -> None:
        name, closes = tag["name"].lower(), bool(tag["close"])
        if name in TAGS:
            self._kept_tag(tag, name, closes=closes)
        elif name in DANGEROUS:
            self.found.add(DANGEROUS[name])
            alone = closes or name in VOID or (name in ("svg", "math") and tag["rest"].endswith("/"))
            self._drop_up_to(tag.end() if alone else self._end_of(name, tag))
        elif name in DROPPED:
            self.found.add(DROPPED[name])
            self._drop_up_to(tag.end())
        elif "=" in tag["rest"]:
            self.found.add(HANDLER if re.search(r"\bon\w+\s*=", tag["rest"], re.IGNORECASE) else "")
            self._drop_up_to(tag.end())
        else:
            self.out.append("&lt;")  # <your order number>

    def _kept_tag(self, tag: "re.Match[str]", name: str, *, closes: bool) -> None:
        if closes:
            self.out.append(tag[0] if not tag["rest"].strip() and "\n" not in tag[0] else f"</{name}>")
            self.at = tag.end()
            return
        kept = rewrite(name, tag["rest"], tag[0])
        self.found |= kept.removed
        if kept.text:
            self.out.append(kept.text)
            self.at = tag.end()
        else:
            self._drop_up_to(tag.end())

    def _end_of(self, name: str, tag: "re.Match[str]") -> int:
        """Tell where an element ends; if nobody says so, with its opening tag."""
        found = None if name in self.unclosed else _closing_tag(name).search(self.text, tag.end(), self.end)
        if found is None:
            self.unclosed.add(name)
        return found.end() if found else tag.end()

    def _drop_up_to(self, position: int) -> None:
        """Go on behind what is taken out, and let it not join what was apart."""
        self.at = position
        before = next((piece[-1] for piece in reversed(self.out) if piece), " ")
        follows = self.text[position : position + 1]
        if before.isspace() or not follows or follows.isspace():
            return
        if before in "]\\`!<&" or before.isalnum() == follows.isalnum():
            self.out.append(" ")


def _start(pattern: "re.Pattern[str]", text: str, at: int) -> int:
    """Tell where the pattern is found next; the end of the text if nowhere."""
    found = pattern.search(text, at)
    return found.start() if found else len(text)


@cache
def _span_of(length: int) -> "re.Pattern[str]":
    """Match up to the end of a code span that so many backticks opened, from behind them."""
    return re.compile(rf"(?:[^`]++|(?!`{{{length}}}(?!`))`++)*+`{{{length}}}(?!`)")


@cache
def _closing_tag(name: str) -> "re.Pattern[str]":
    return re.compile(rf"</{name}(?=[\s/>])[^>]*+>", re.IGNORECASE)

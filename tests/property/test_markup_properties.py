"""Whatever an answer is made of: made safe once is made safe, and nothing of it runs, however it is rendered."""

from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from knowledge.markup import safe_html, sanitise
from knowledge.markup_policy import TAGS, complaint

PIECES = [
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\n\n",
    "    ",
    "  ",
    "> ",
    "- ",
    "1. ",
    "2. ",
    "|",
    "|-|-|\n",
    "<script>",
    "</script>",
    "<img src=x onerror=alert(1)>",
    "<b>",
    "<div>",
    "<pre>",
    "</pre>",
    "<!--",
    "-->",
    "[a](javascript:x)",
    "[a](",
    "](",
    ")",
    "[a]: javascript:x",
    "[",
    "]",
    ":",
    "<javascript:x>",
    "\\",
    "a",
    "# ",
    '<a href="`">',
    "<a href='javascript:x'>",
    '"',
    "'",
    "<",
    "<x",
    "(",
    '[b]: x "',
    "===\n",
    "---\n",
    "&lt;",
    "\t",
    "![",
    "<svg>",
    "*",
    "<?",
    "<!X",
    "<b ",
    "https://x",
    "=",
    "\r\n",
    "\r",
    "<br>",
]
texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


def _renderers():
    for html, table in ((True, True), (True, False), (False, True)):
        renderer = MarkdownIt("commonmark", {"html": html})
        renderer.validateLink = lambda address: True  # whatever the address
        yield renderer.enable("table") if table else renderer


RENDERERS = tuple(_renderers())


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong = []

    def handle_starttag(self, tag, attributes):
        if tag not in TAGS and ":" not in tag:  # <https://…> is an unknown element to a browser, and does nothing
            self.wrong.append(tag)
        for name, value in attributes:
            if name.startswith("on") or (name in ("href", "src") and value and complaint(value)):
                self.wrong.append((tag, name, value))


@settings(max_examples=400, deadline=None)
@given(text=texts)
@example("<div>\n```\n</div>\n\n```\n<img src=x onerror=alert(1)>")
@example("<div>\n```\n<img src=x onerror=alert(1)>\n```")
@example("|a|b|\n|-|-|\n|`|<img src=x onerror=alert(1)>`|")
@example("para\n<b>\n```\n\n```\n<script>")
def test_no_program_finds_anything_to_run_in_what_was_made_safe(text):
    safe = sanitise(text).text
    for renderer in RENDERERS:
        page = _Page()
        page.feed(renderer.render(safe))
        page.close()
        assert page.wrong == []


@settings(max_examples=400, deadline=None)
@given(text=texts | st.text(max_size=200))
def test_making_safe_twice_is_making_safe_once(text):
    once = sanitise(text)
    again = sanitise(once.text)
    assert again.text == once.text
    assert again.removed == ()


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_rendered_answers_hold_only_what_is_allowed(text):
    page = _Page()
    page.feed(safe_html(text))
    page.close()
    assert page.wrong == []

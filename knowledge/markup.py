"""Answers that are safe to show: Markdown and simple HTML without scripts, on the way in and again on the way out."""

import html
from collections.abc import Callable
from functools import cache, lru_cache
from typing import cast

from knowledge.markup_policy import ATTRIBUTES, SCHEMES, TAGS, Sanitised
from knowledge.markup_scan import scan

__all__ = ["Sanitised", "safe_html", "safe_markdown", "sanitise"]

# Rendering takes time that grows with the square of these in the worst case; so many make a text of no use to read.
_TANGLED = 4000


def sanitise(text: str) -> Sanitised:
    """Take out of an answer what could run, load or pretend in a visitor's browser, and tell what that was.

    Kept are Markdown and formatting HTML without attributes, links to http, https, mailto and tel or within the site,
    and images from http and https. What is fine stays to the letter, and so does what is shown as code: fenced, or in
    backticks on one line. Doing it twice changes nothing. Takes time linear in the text, and raises nothing.
    """
    if "<" not in text and "](" not in text and "]:" not in text:
        return Sanitised(text=text)
    clean, removed = scan(text)
    return Sanitised(text=clean, removed=tuple(sorted(removed)))


def safe_markdown(text: str) -> str:
    """Give an answer as it may leave the house; see `sanitise`. Most answers cost a microsecond."""
    if "<" not in text and "](" not in text and "]:" not in text:
        return text
    return _remembered(text) if len(text) < 16_384 else scan(text)[0]


@lru_cache(maxsize=512)
def _remembered(text: str) -> str:
    return scan(text)[0]


@lru_cache(maxsize=128)
def safe_html(markdown: str) -> str:
    """Render an answer as HTML that may be put into a page.

    CommonMark with tables and strikethrough. What is rendered goes through ammonia, which parses HTML as browsers do
    and lets through the same tags, attributes and schemes as `sanitise`. Links open without telling where they were
    followed from; images load when they are seen, and without telling it either.
    """
    text = safe_markdown(markdown)
    if sum(map(text.count, "[*_`<&")) > _TANGLED:
        return f"<pre>{html.escape(text, quote=False)}</pre>"
    return _cleaner()(_renderer()(text))


@cache
def _renderer() -> Callable[[str], str]:
    from markdown_it import MarkdownIt

    return cast(
        Callable[[str], str], MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render
    )


@cache
def _cleaner() -> Callable[[str], str]:
    import nh3

    cleaner = nh3.Cleaner(
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"img": {"loading": "lazy", "referrerpolicy": "no-referrer"}},
    )
    return cast(Callable[[str], str], cleaner.clean)

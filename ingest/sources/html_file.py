"""HTML: a saved help-centre page, from the questions it marks for search engines to the prose below its headings."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.blocks import Block
from ingest.sources.decoding import BAD, detect
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.html.content import blocks_of
from ingest.sources.html.page import Page, declared_encoding
from ingest.sources.html.structured import merged, structured
from ingest.sources.outline import NOTHING_FOUND, records
from knowledge.types import Source

_ERRORS = "kefu-bad-bytes"  # from `decoding`
_STAND_IN = "\ue0ff"  # for bytes that do not decode, while the text is with the parser, which takes no surrogates
_DATA = re.compile(r"data:[\w/+.;=-]{1,100},[A-Za-z0-9+/=%._~-]{200,}")


def read_html(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a web page: .html, .htm, .xhtml, or .mhtml as browsers save it with its pictures.

    Questions are taken from schema.org data (JSON-LD and microdata), details and summary, lists of definitions,
    accordions, tables with columns of questions and answers, and headings; one that is given twice is taken once.
    Navigation, banners, forms, scripts and what is hidden are no content. Links become absolute if the page gives its
    address (<base>, canonical).
    """
    whole = Source(file=document.name, place="")
    try:
        html, base, label = _text(document, options)
        page = Page(html.replace(BAD, _STAND_IN), base)
        found = structured(page)
        blocks = merged(found.pairs, blocks_of(page))
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))
        return
    if label != "UTF-8":
        yield Note(source=whole, text=f"read as {label}")
    for text in found.broken:
        yield Note(source=whole, text=text)
    yield from records([_marked(block) for block in blocks] if BAD in html else blocks, document, options, found.about)


def _marked(block: Block) -> Block:
    """Let what did not decode be known to what makes records, which rejects it."""
    return replace(block, text=block.text.replace(_STAND_IN, BAD), answer=block.answer.replace(_STAND_IN, BAD))


def _text(document: Document, options: ReadOptions) -> tuple[str, str, str]:
    """Give the text of a page, its address if the file has it, and the name of its encoding.

    Raises:
        RejectedField: it is empty or no text.
    """
    data = document.path.read_bytes()
    if not data.strip():
        raise RejectedField(NOTHING_FOUND)
    if document.name.casefold().endswith((".mhtml", ".mht")):
        text, base = _archived(data)
        label = "UTF-8"
    else:
        (text, label), base = _decoded(data, document), ""
    if "\0" in text:
        raise RejectedField("the file holds NUL characters; it may be damaged or not be text")
    return _DATA.sub("data:", text.replace("\r\n", "\n").replace("\r", "\n")), base, label


def _decoded(data: bytes, document: Document) -> tuple[str, str]:
    """Decode as browsers do: byte order mark, then valid UTF-8, what the page names, what it looks like."""
    if not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-8"), "UTF-8"
        except UnicodeDecodeError:
            named = declared_encoding(data[:8_192])
        if named and named != "utf-8":
            return data.decode(named, _ERRORS), named.upper().replace("CP950", "Big5")
    encoding = detect(document.path)
    return data[encoding.skip :].decode(encoding.codec, _ERRORS), encoding.label


def _archived(data: bytes) -> tuple[str, str]:
    """Give the page in a web archive (MIME, RFC 2557), and its address.

    Raises:
        RejectedField: there is none.
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                codec = declared_encoding(content[:8_192]) or part.get_content_charset() or "utf-8"
                address = str(part.get("Content-Location") or message.get("Snapshot-Content-Location") or "").strip()
                return _decode_part(content, codec), address if address.startswith(("http://", "https://")) else ""
    raise RejectedField("the web archive holds no page; save the page again, as HTML")


def _decode_part(content: bytes, codec: str) -> str:
    try:
        return content.decode(codec, _ERRORS)
    except LookupError:
        return content.decode("utf-8", _ERRORS)

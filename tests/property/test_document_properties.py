"""Whatever a page, a document or a text holds: readers do not fail, and what a visitor can read is in the records."""

import re
import zipfile
from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ingest.prose import Part, ProseSettings, passages, width
from ingest.records import Note, Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.docx_file import read_docx
from ingest.sources.html_file import read_html
from ingest.sources.markdown_file import read_markdown
from ingest.sources.markdown_inline import Inline

TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
TAG_NAMES = (
    "p div h1 h2 h3 ul ol li table tr td th details summary dl dt dd blockquote pre b i a code br span section article"
    " header footer nav aside form button script style template main"
)
TAGS = TAG_NAMES.split()
soup = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(
            ["<div hidden>", '<a href="/x">', '<td colspan="3" rowspan="2">', '<button aria-controls="p">']
        ),
        st.sampled_from(
            ['<div id="p" class="answer">', '<div class="faq-question">', "<!--", "-->", "<![CDATA[", "&amp;", "&#0;"]
        ),
        st.sampled_from(
            ['<script type="application/ld+json">{"@type":"Question"', '"name":"How?"}', "How?", "Q: a", "A: b"]
        ),
        st.text(max_size=12),
    ),
    max_size=25,
).map("".join)
pieces = st.sampled_from(
    [
        "# ",
        "## How?\n",
        "\n",
        "\n\n",
        "- ",
        "  - ",
        "1. ",
        "> ",
        "|a|b|\n|-|-|\n",
        "```\n",
        "**a?**",
        "Q: ",
        "A: ",
        "---\n",
        "x",
        "[a]: b\n",
        "\t",
        "怎么？",
    ]
)
words = st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=8)
sentences = st.lists(words, min_size=3, max_size=40).map(lambda found: " ".join(found) + ".")


def read(reader, path, content):
    path.write_bytes(content)
    items = list(reader(Document(path=path, name=path.name), ReadOptions()))
    assert all(isinstance(item, Record | Rejection | Note) for item in items)
    assert items, "a document that gives nothing says so"
    return items


def letters(text):
    return re.sub(r"[\W_]+", "", text)


def said(items):
    """Give all letters and digits of records, and of notes on what was left out."""
    records = [item for item in items if isinstance(item, Record)]
    texts = [text for record in records for text in (record.question, record.answer, *record.similar_questions)]
    return letters("\n".join([*texts, *(item.text for item in items if isinstance(item, Note))]))


@TMP
@given(content=st.one_of(soup.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=300)))
def test_no_page_breaks_its_reader(tmp_path, content):
    read(read_html, tmp_path / "a.html", content)
    read(read_html, tmp_path / "a.mhtml", b"Content-Type: text/html\n\n" + content)


@TMP
@given(
    content=st.one_of(st.lists(pieces, max_size=30).map(lambda found: "".join(found).encode()), st.binary(max_size=200))
)
def test_no_text_breaks_the_markdown_reader(tmp_path, content):
    read(read_markdown, tmp_path / "a.md", content)


@TMP
@given(body=soup, raw=st.binary(max_size=200), whole=st.booleans())
def test_no_document_breaks_its_reader(tmp_path, body, raw, whole):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", body.replace("<", "<w:").encode("utf-8", "replace") if whole else raw)
        archive.writestr("word/styles.xml", raw)
    read(read_docx, tmp_path / "a.docx", out.getvalue() if whole else out.getvalue()[: len(raw) * 2])


@TMP
@given(
    blocks=st.lists(
        st.tuples(st.sampled_from(["p", "h1", "h2", "h3", "li", "blockquote", "td"]), sentences),
        min_size=1,
        max_size=12,
    )
)
def test_no_visible_paragraph_of_a_page_is_lost(tmp_path, blocks):
    page = "".join(f"<{tag}>{text}</{tag}>" for tag, text in blocks)
    found = said(read(read_html, tmp_path / "a.html", f"<body>{page}".encode()))
    for tag, text in blocks:
        if tag == "p":
            assert letters(text) in found


@TMP
@given(
    blocks=st.lists(
        st.tuples(st.sampled_from(["", "## ", "# ", "- ", "> ", "1. "]), sentences), min_size=1, max_size=12
    )
)
def test_no_paragraph_of_a_text_is_lost(tmp_path, blocks):
    found = said(read(read_markdown, tmp_path / "a.md", "\n\n".join(f"{mark}{text}" for mark, text in blocks).encode()))
    for mark, text in blocks:
        if not mark:
            assert letters(text) in found


@given(texts=st.lists(st.text(alphabet="ab .。？\n-|`*[](1)", max_size=300), max_size=6))
def test_passages_hold_all_words_in_their_order_and_are_short(texts):
    options = ProseSettings(max_width=100)
    found = list(passages([Part(text=text, place="") for text in texts], options))
    if not any("|" in text or "`" in text for text in texts):  # heads and fences are repeated
        assert letters("".join(part.text for part in found)) == letters("".join(texts))
        assert all(width(part.text) <= 250 for part in found)


@given(st.text(alphabet=st.sampled_from("ab 1*_`[]()<>#-+.!&;~\\|=中？。，:/\n"), max_size=40))
def test_escaped_text_reads_as_it_was(text):
    inline = Inline()
    inline.add(text.replace("\n", " "))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(inline.take())
    shown = [
        child.content if child.type == "text" else child.type for token in tokens for child in token.children or []
    ]
    assert all(token.type in ("paragraph_open", "inline", "paragraph_close") for token in tokens)
    assert "".join(shown) == " ".join(text.split())

import json

import pytest
from markdown_it import MarkdownIt

from ingest.records import Note, Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.html_file import read_html


@pytest.fixture
def read(tmp_path):
    def run(content, name="page.html"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_html(Document(path=path, name=name), ReadOptions()))

    return run


@pytest.fixture
def answer(read):
    """Read a piece of HTML as the answer to a question."""

    def run(html, head=""):
        (record,) = [item for item in read(f"{head}<h2>How?</h2>{html}") if isinstance(item, Record)]
        return record.answer

    return run


def essence(items):
    return [(item.question, item.answer) for item in items if isinstance(item, Record)]


def faq(*pairs):
    questions = [{"@type": "Question", "name": q, "acceptedAnswer": {"@type": "Answer", "text": a}} for q, a in pairs]
    return {"@context": "https://schema.org", "@type": "FAQPage", "mainEntity": questions}


def script(data):
    text = data if isinstance(data, str) else json.dumps(data).replace("</", r"<\/")
    return f'<script type="application/ld+json">{text}</script>'


# -- structured data


@pytest.mark.parametrize(
    "data",
    [
        faq(("How?", "So.")),
        [{"@type": "WebPage"}, faq(("How?", "So."))],
        {"@context": "https://schema.org", "@graph": [{"@type": ["WebPage", "FAQPage"], **faq(("How?", "So."))}]},
        {"@type": "Question", "name": "How?", "acceptedAnswer": [{"text": "So."}]},
        "<!-- " + json.dumps(faq(("How?", "So."))) + " -->",
        "//<![CDATA[\n" + json.dumps(faq(("How?", "So."))) + "\n//]]>",
        json.dumps(faq(("How?", "So."))).replace("}]", "},]") + ";",
        '{"@type": "Question", "name": "How?", "acceptedAnswer": {"text": "So.\n"}}',
    ],
    ids=["page", "array", "graph", "single", "comment", "cdata", "commas", "line-break"],
)
def test_questions_for_search_engines_are_read_however_they_are_written(read, data):
    assert essence(read(script(data))) == [("How?", "So.")]


def test_html_in_such_an_answer_becomes_markdown(read):
    data = faq(("Ship to <b>AT&amp;T</b>?", '<p>Yes, <a href="/x">here</a>.</p><ul><li>a<li>b</ul><script>x</script>'))
    ((question, text),) = essence(read(f'<link rel="canonical" href="https://a.test/faq">{script(data)}'))
    assert (question, text) == ("Ship to AT&T?", "Yes, [here](https://a.test/x).\n\n- a\n- b")


def test_data_that_is_broken_is_named_and_the_page_is_read(read):
    note, record = read(script('{"@type": "FAQPage", "mainEntity": [') + "<h2>How?</h2><p>So.</p>")
    assert "structured data (JSON-LD) number 1 is broken" in note.text
    assert record.question == "How?"


@pytest.mark.parametrize(
    "shown",
    [
        "<h2>How?</h2><p>Like <b>so</b>.</p><p>Or <a href='https://a.test/'>so</a>.</p>",
        "<details><summary>How?</summary><p>Like <b>so</b>.</p><p>Or <a href='https://a.test/'>so</a>.</p></details>",
        "<div>How?</div><div><p>Like <b>so</b>.</p><p>Or <a href='https://a.test/'>so</a>.</p></div>",
    ],
    ids=["heading", "details", "plain"],
)
def test_a_question_that_is_shown_too_is_taken_once_with_its_links(read, shown):
    found = read(
        script(faq(("How?", "Like so. Or so."))) + shown + "<p>A paragraph about something else, in the end.</p>"
    )
    assert essence(found)[-1 if found[0].prose else 0] == ("How?", "Like **so**.\n\nOr [so](https://a.test/).")
    assert [record.question for record in found].count("How?") == 1


def test_the_fuller_of_two_answers_is_taken(read):
    full = "Like so, and then like this, and in the end like that; it takes three days."
    assert essence(read(script(faq(("How?", full))) + "<h2>How?</h2><p>Like so…</p>")) == [("How?", full)]
    assert essence(read(script(faq(("How?", "Like so."))) + f"<h2>How?</h2><p>{full}</p>")) == [("How?", full)]


def test_microdata_is_read(read):
    page = """<div itemscope itemtype="https://schema.org/FAQPage"><div itemprop="mainEntity" itemscope
      itemtype="https://schema.org/Question"><h3 itemprop="name">How?</h3><div itemprop="acceptedAnswer" itemscope
      itemtype="https://schema.org/Answer"><div itemprop="text"><p>So.</p><h4>But</h4></div></div></div></div>"""
    assert essence(read(page)) == [("How?", "So.\n\n#### But")]


# -- what folds open


def test_details_and_lists_of_definitions_are_pairs_with_their_lines(read):
    found = read(
        "<h1>FAQ</h1>\n<details><summary>Open <i>it</i></summary>\n<p>Pull.</p></details>\n"
        "<dl><dt>Who?<dt>Whom?<dd>We.</dl>"
    )
    assert [(r.question, r.answer, r.similar_questions, r.source.place) for r in found] == [
        ("Open it", "Pull.", (), "line 2"),
        ("Who?", "We.", ("Whom?",), "line 4"),
    ]


def test_details_around_details_are_a_category(read):
    (record,) = read("<details><summary>Orders</summary><details><summary>How?</summary>So.</details></details>")
    assert (record.question, record.answer, record.category) == ("How?", "So.", "Orders")


def test_a_list_of_facts_is_no_list_of_questions(answer):
    assert answer("<dl><dt>Colour<dd>red<dt>Size<dd>L</dl>") == "- **Colour**: red\n- **Size**: L"


@pytest.mark.parametrize(
    "page",
    [
        '<h3><button aria-controls="p1" aria-expanded="false">How?</button></h3><div id="p1" hidden><p>So.</p></div>',
        '<button aria-controls="p1">How?</button><p>Else.</p><div id="p1" style="display: none">So.</div>',
        '<div class="faq-question">How?</div><div class="faq-answer" style="display:none">So.</div>',
        '<h3 class="accordion-header"><span>How?</span></h3>\n<div class="accordion-body">So.</div>',
        '<div class="card"><div><a class="accordion-button">How?</a></div><div class="collapse">So.</div></div>',
    ],
    ids=["heading", "button", "classes", "accordion", "card"],
)
def test_accordions_are_pairs_even_while_they_are_folded(read, page):
    assert ("How?", "So.") in essence(read(page))


# -- tables, headings, text


def test_a_table_with_question_and_answer_is_records(read):
    found = read("<h2>FAQ</h2><table>\n<tr><th>问题<th>答案<tr><td>How?<td>So,<ul><li>a<li>b</ul><tr><td><td>x</table>")
    assert essence(found) == [("How?", "So,\n\n- a\n- b")]
    assert found[1].source.place == "line 1, row 3"


def test_merged_cells_stand_where_they_reach(answer):
    table = "<table><tr><th rowspan=2>A<th colspan=2>B<tr><td>1<td>2<tr><td>x | y<td>3<td>4</table>"
    assert answer(table) == "| A | B |  |\n| --- | --- | --- |\n| A | 1 | 2 |\n| x \\| y | 3 | 4 |"


def test_a_table_that_is_a_frame_is_seen_through(read):
    assert essence(read("<table><tr><td><h2>How?</h2><p>So.</p></td></tr></table>")) == [("How?", "So.")]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>a <b> bold </b>and <i>it</i>, <code>x`y</code></p>", "a **bold** and *it*, ``x`y``"),
        ("<ul><li>a<ul><li>b<p>c</p></ul><li>d</ul>", "- a\n  - b\n\n    c\n- d"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<blockquote><p>a<p>b</blockquote>", "> a\n>\n> b"),
        ("one<br>two<br><br>three", "one  \ntwo\n\nthree"),
        ('<pre><code class="language-sh">a\n  b</code></pre>', "```sh\na\n  b\n```"),
        ("<p>1. x</p><p># y</p><p>- z</p>", "1\\. x\n\n\\# y\n\n\\- z"),
        ("<p>2*3*4 &lt;b&gt; [x](y) a_b</p>", "2\\*3\\*4 \\<b> \\[x\\](y) a_b"),
        ("<p>请<b>（注意）</b>看<b>好。</b>的</p>", "请 **（注意）** 看**好。** 的"),
        (
            '<p><img src="https://a.test/i.png" alt="Map"><img src="i.png" alt="Plan"></p>',
            "![Map](https://a.test/i.png) Plan",
        ),
        (
            '<p><a href="javascript:x">a</a> <a href="mailto:x@y.z">b</a> <a href="/c">c</a> <a href="#d">d</a></p>',
            "a [b](mailto:x@y.z) [c](/c) d",
        ),
    ],
)
def test_text_is_shown_as_the_page_shows_it(answer, html, markdown):
    assert answer(html) == markdown


def test_links_become_absolute_where_the_page_says_what_they_are_relative_to(answer):
    html = '<a href="../x?a=1">x</a> <a href="#y">y</a>'
    assert answer(html, '<base href="https://a.test/help/faq/">') == (
        "[x](https://a.test/help/x?a=1) [y](https://a.test/help/faq/#y)"
    )


def test_escaped_text_reads_as_it_was(answer):
    text = "* a_b_c __d__ `e` <f> [g](h) &amp; ~~i~~ \\ # > 1) ![j] 2 < 3"
    rendered = MarkdownIt("commonmark").parseInline(
        answer(f"<p>{text.replace('&', '&amp;').replace('<', '&lt;')}</p>")
    )[0]
    assert "".join(child.content for child in rendered.children or []) == text


def test_a_heading_that_was_never_closed_ends_with_its_line(read):
    assert essence(read("<h2>How?<p>So.</p><p>And so.</p>")) == [("How?", "So.\n\nAnd so.")]


def test_headings_have_no_marks_and_keep_their_angle_brackets(read):
    assert essence(read("<h2>What is <b>the</b> <i>&lt;base&gt;</i> tag? <a class=headerlink>¶</a></h2>A tag.")) == [
        ("What is the <base> tag?", "A tag.")
    ]


# -- what is no content


@pytest.mark.parametrize(
    "noise",
    [
        "<nav><p>No</p></nav>",
        "<header><p>No</p></header>",
        "<footer>No</footer>",
        "<aside>No</aside>",
        "<script>No</script>",
        "<style>No</style>",
        "<template><p>No</p></template>",
        "<noscript><p>No</p></noscript>",
        "<!-- No -->",
        "<p hidden>No</p>",
        '<p aria-hidden="true">No</p>',
        '<p style="color:red; display : none">No</p>',
        '<span class="sr-only">No</span>',
        '<div class="cookie-banner">No</div>',
        '<div id="onetrust-consent-sdk">No</div>',
        '<div role="navigation">No</div>',
        '<div role="dialog">No</div>',
        "<form><p>No</p><input></form>",
        "<button>No</button>",
        '<div class="breadcrumbs"><a>No</a></div>',
        '<ul class="pagination"><li>No</ul>',
        "<svg><text>No</text></svg>",
        "<iframe>No</iframe>",
        "<select><option>No</select>",
        "<textarea>No</textarea>",
    ],
)
def test_what_stands_around_the_content_is_left_out(answer, noise):
    assert answer(f"<p>So.</p>{noise}") == "So."


@pytest.mark.parametrize(
    "frame",
    [
        "<form id=aspnet><main>{}</main></form>",
        "<article><header>{}</header></article>",
        '<article><aside class="note">{}</aside></article>',
        '<div class="d-none d-md-block">{}</div>',
        '<article class="cookie-policy"><h1>T</h1>{}</article>',
        '<div hidden="until-found">{}</div>',
    ],
)
def test_what_only_looks_like_it_is_kept(read, frame):
    assert ("How?", "So.") in essence(read(frame.format("<h2>How?</h2><p>So.</p>")))


# -- the page as a whole


def test_breadcrumbs_or_the_title_are_the_category(read):
    trail = '<div class="breadcrumb"><a>Home</a><a>Orders</a><a>Sending back</a></div><h1>Sending back</h1>'
    title = "<title>Sending back | Acme Help</title>"
    assert read(f"{title}{trail}<h2>How?</h2>So.")[0].category == "Orders"
    assert read(f"{title}<h2>How?</h2>So.")[0].category == "Sending back"
    list_ = {"@type": "BreadcrumbList", "itemListElement": [{"name": "Help"}, {"item": {"name": "Bills"}}]}
    assert read(f"{title}{script(list_)}<h2>How?</h2>So.")[0].category == "Bills"


def test_prose_is_passages_below_its_headings(read):
    page = f"<h1>Returns</h1><h2>Abroad</h2><p>{'You pay the duty yourself. ' * 60}</p>"
    assert {(record.question, record.prose) for record in read(page)} == {("Returns › Abroad", True)}


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("<meta charset=gb2312><h2>怎么退货？</h2><p>七天。</p>".encode("gbk"), ["read as GB18030"]),
        ("<h2>怎么退货？</h2><p>七天。</p>".encode("utf-16"), ["read as UTF-16"]),
        ("<meta charset=gbk><h2>怎么退货？</h2><p>七天。</p>".encode(), []),
        ("\ufeff<h2>怎么退货？</h2><p>七天。</p>".encode(), []),
        (
            '<meta http-equiv="Content-Type" content="text/html;charset=big5"><h2>怎么退货？</h2><p>七天。</p>'.replace(
                "么", "麼"
            )
            .replace("货", "貨")
            .encode("big5"),
            ["read as Big5"],
        ),
    ],
    ids=["gbk", "utf-16", "wrongly-declared", "mark", "big5"],
)
def test_a_page_is_read_in_its_encoding(read, content, notes):
    found = read(content)
    assert [item.text for item in found if isinstance(item, Note)] == notes
    assert essence(found)[0][0].replace("麼", "么").replace("貨", "货") == "怎么退货？"


def test_a_web_archive_holds_its_page(read):
    archive = (
        "From: <Saved by Blink>\nSnapshot-Content-Location: https://a.test/faq\nMIME-Version: 1.0\n"
        'Content-Type: multipart/related; type="text/html"; boundary="B"\n\n--B\nContent-Type: text/html\n'
        "Content-Transfer-Encoding: quoted-printable\nContent-Location: https://a.test/faq\n\n"
        '<h2>=E6=80=8E=E4=B9=88=EF=BC=9F</h2><a href=3D"x">So</a>\n--B\nContent-Type: image/png\n\nx\n--B--\n'
    )
    assert essence(read(archive, "page.mhtml")) == [("怎么？", "[So](https://a.test/x)")]


# -- hostile pages


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<p>a</p>\n" + "<div>" * 100_000, "nested more than 512 deep at line 2"),
        ("<span>" * 100_000, "nested more than 4000 deep at line 1"),
        ("<p " + " ".join(f"a{n}" for n in range(50_000)) + ">x", "more than 2000 attributes"),
        (b"<p>a\0b</p>", "NUL characters"),
        (b"", "no question was found"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "a picture"),
        ("<nav>Only</nav>", "no question was found"),
    ],
    ids=["nested", "inline", "attributes", "nul", "empty", "picture", "navigation"],
)
def test_a_page_that_is_none_is_one_rejection(read, content, reason):
    (rejection,) = read(content)
    assert isinstance(rejection, Rejection)
    assert reason in rejection.reason
    assert "\n" not in rejection.reason


def test_bytes_that_do_not_decode_cost_their_entry_only(read):
    found = read("<h2>怎么退货？</h2><p>七天之内。</p><h2>How?</h2><p>So ".encode() + b"\xff so.</p>")
    assert essence(found) == [("怎么退货？", "七天之内。")]
    assert "not valid UTF-8" in found[1].reason


def test_scripts_leave_no_trace(answer):
    page = '<p onclick="x()">So <a href=" java\nscript:x()">a</a></p><script>x()</script>'
    page += "<img src=x onerror=x()>&lt;script&gt;"
    assert answer(page) == "So a\n\n\\<script>"


@pytest.mark.parametrize(
    "page",
    [
        "<table><tr><td>" * 200,
        "<details><summary>a</summary>" * 200,
        "<ul><li>" * 200 + "x",
        "<blockquote>" * 300 + "x",
        "<table>" + "<tr><td colspan=9999999 rowspan=9999999>a<td>b" * 300,
        "<dl><dt>" * 200,
        "<b>" * 3000 + "x",
        "".join(f"<b a={n}>" for n in range(3000)) + "<p>x" * 100,
        "<!--" * 20_000,
        "<" * 50_000,
        "<p>" + "a b. C" * 50_000,
        "<button aria-controls=p>How?</button><div id=p><button aria-controls=p>Why?</button></div>",
        script("[" * 100_000),
        script('{"a":' * 5000),
        "<script><div>" * 20_000,
        '<a href="http://[">x</a>',
    ],
)
def test_pathological_pages_are_read_in_a_moment(read, page):
    assert all(isinstance(item, Record | Rejection | Note) for item in read(page))

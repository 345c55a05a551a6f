import re
import time
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from knowledge.markup import safe_html, safe_markdown, sanitise
from knowledge.markup_policy import TAGS

# After the OWASP cheat sheet on filter evasion, and what Markdown adds to it.
ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<script/src=//evil.example>",
    "<script\n>alert(1)</script\n>",
    "<script>alert(1)",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
    "<script x=\">\">alert(1)</script>",
    "\\<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)//",
    "<img src='x' OnErRoR\n=\n'alert(1)'>",
    "<img/src=x/onerror=alert(1)>",
    '<img """><script>alert(1)</script>">',
    '<img alt="a>b" src=x onerror="alert(1)">',
    "<IMG SRC=javascript:alert(1)>",
    "<IMG SRC=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)>",
    "<IMG SRC=&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099&#0000114&#0000105&#0000112&#0000116:alert(1)>",
    '<a href="jav\tascript:alert(1)">x</a>',
    '<a href="jav&#x0A;ascript:alert(1)">x</a>',
    '<a href=" &#14;  javascript:alert(1)">x</a>',
    '<a href="javascript&colon;alert(1)">x</a>',
    '<a href="java&Tab;script:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>',
    "<a href=https://ok.example onclick=alert(1)>x</a>",
    '<b onmouseover="alert(1)">x</b>',
    "<div style=\"background:url(javascript:alert(1))\">x</div>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)></audio>",
    "<details open ontoggle=alert(1)>x</details>",
    "<body onload=alert(1)>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=javascript:alert(1)//>",
    "<link rel=stylesheet href=javascript:alert(1)>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
    "<template><script>alert(1)</script></template>",
    "<xss onclick=alert(1)>x</xss>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><img src=x onerror=alert(1)>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml ?><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert('1'))",
    "[x](  javascript:alert(1) 'title')",
    "[x](\njavascript:alert(1))",
    "> [x](\n> javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](java&#115;cript:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](\u200bjavascript:alert(1))",
    "[x](&amp;#106;avascript:alert(1))",
    "[x](vbscript:x) [y](data:text/html,x) [z](file:///etc/passwd)",
    "![x](javascript:alert(1))",
    '![x](x"onerror="alert(1))',
    "[![x](javascript:1)](javascript:2)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[x]\n\n[x]:\n  <javascript:alert(1)> 'title'",
    "<javascript:alert(1)>",
    "<https://a.example/onclick=alert(1)>",
    "[a]<script></script>(javascript:alert(1))",
    "`a\nb` <script>alert(1)</script> `c`",
    "> ```\n<script>alert(1)</script>",
    "- a\n\n  ```\n<script>alert(1)</script>",
    "<b>\n```\n\n```\n<img src=x onerror=alert(1)>",
    "| a | b |\n|---|---|\n| ` | <script>alert(1)</script> ` |",
    "[a](`) <img src=x onerror=alert(1)> `",
    "<pre>\n\n`<script>alert(1)</script>`",
    "<div>\n```\n<img src=x onerror=alert(1)>\n```",
    "para\n2. ~~~\n   <img src=x onerror=alert(1)>",
    "para\n    ~~~\n    <img src=x onerror=alert(1)>",
]  # fmt: skip


CARELESS = MarkdownIt("commonmark", {"html": True}).enable("table")  # lets through all HTML
CARELESS.validateLink = lambda address: True


class _Page(HTMLParser):
    """Collects what a browser might run."""

    def __init__(self):
        super().__init__()
        self.wrong = []

    def handle_starttag(self, tag, attributes):
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attributes:
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith(("on", "style", "srcdoc", "form")) or re.match(
                "(javascript|vbscript|data|file):", plain
            ):
                self.wrong.append((tag, name, value))


def what_runs(html):
    page = _Page()
    page.feed(html)
    page.close()
    return page.wrong


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("around", ["{}", "Before {} after", "# Head\n\n- one\n- {}\n\nEnd `code`."])
def test_nothing_of_an_attack_is_left_to_run(attack, around):
    text = around.format(attack)
    safe = safe_markdown(text)
    assert what_runs(safe) == [] or "`" in attack  # put into a page as it is; what is code there stays code
    assert what_runs(CARELESS.render(safe)) == []
    assert what_runs(safe_html(text)) == []
    assert what_runs(safe_html(safe)) == []
    assert safe_markdown(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        "Return it **within 7 days**.\n\n1. Pack it\n2. Send it\n\n> Mind the *label* – 3 < 4 & 5 > 2 <3",
        'See [returns](https://shop.example/r?a=1&b=2 "Returns"), [help](/help#x), <https://a.example>, <me@a.ex>.',
        "[call](tel:+4912345) or [write](mailto:a@b.example)",
        "![a picture](https://cdn.example/a.png)",
        "[terms]\n\n[terms]: https://shop.example/terms 'Terms'",
        "| a | b |\n|---|---|\n| `x` | y<br>z |",
        "Water is H<sub>2</sub>O, <b>bold</b> <a href=\"https://a.example\" title='t'>link</a><br/>",
        "Run `curl <host>/<path>` or ``a ` <b onclick=x>``",
        "```html\n<script>alert(1)</script>\n[x](javascript:1)\n```\n\ndone",
        "~~~\n<iframe>\n~~~",
        "1. first\n\n   ```\n   <form>\n   ```\n2. second",
        "> ```\n> <form>\n> ```\n",
        "注意：[提示](注：见下) 问：x < y？ 答：【链接】[a]: 说明",
        "\\<3 \\[not a link](x) a \\* b",
        "",
    ],
)
def test_text_that_is_fine_stays_to_the_letter(text):
    assert sanitise(text).text == text
    assert sanitise(text).removed == ()


@pytest.mark.parametrize(
    ("text", "left", "removed"),
    [
        ("Yes.<script>steal()</script>", "Yes.", ("a script",)),
        ("<p onclick=x>Yes</p>", "<p>Yes</p>", ("an event handler",)),
        ("[pay](javascript:x) now", "pay now", ("a link that runs code",)),
        ("![p](data:image/png;base64,AA)", "p", ("a link with data in it",)),
        ("[f](ftp://a.example/f)", "f", ("a link to ftp:",)),
        ("<iframe src=x></iframe>a<form>b</form>", "a b", ("a form", "an embedded page")),
        ('<div class="x"><p style="y">Hi</p></div>', "<div><p>Hi</p></div>", ()),
        ("Dear <your name>, \\<b>", "Dear &lt;your name>, &lt;b>", ()),
        ("if a<b then", "if a&lt;b then", ()),
        ("a<!-- secret -->b", "a b", ()),
    ],
)
def test_what_is_taken_out_is_named(text, left, removed):
    clean = sanitise(text)
    assert (clean.text, clean.removed) == (left, removed)


def test_a_rendered_answer_has_its_formatting_and_its_links_tell_nothing():
    page = safe_html("**Yes**, see [here](https://a.example).\n\n|a|b|\n|-|-|\n|1|2|\n\n![i](https://a.example/i.png)")
    assert "<strong>Yes</strong>" in page
    assert "<td>1</td>" in page
    assert '<a href="https://a.example" rel="noopener noreferrer nofollow">' in page
    assert 'referrerpolicy="no-referrer"' in page


N = 64 * 1024
TANGLES = {
    "brackets": "[" * N,
    "links": "](" * (N // 2),
    "open-links": "[a](" * (N // 4),
    "bad-links": "[a](javascript:" * (N // 15),
    "angles": "<a" * (N // 2),
    "quotes": '<a b="' * (N // 6),
    "scripts": "<script>" * (N // 8),
    "nested-scripts": "<scr" * (N // 4),
    "comments": "<!-- " * (N // 5),
    "backticks": "".join("`" * i + " " for i in range(360)),
    "backtick-lines": "`a\n" * (N // 3),
    "table": "|-|\n" + "|`a|`|\n" * (N // 7),
    "definitions": "[a]: x\n" * (N // 7),
    "fences": "```\n<b>\n```\n" * (N // 12),
    "quotations": ">" * N,
    "attributes": "<a " + "x=y " * (N // 4) + ">",
    "peeled": "[a]" + "[](j:1)" * (N // 7),
}


@pytest.mark.parametrize("text", TANGLES.values(), ids=TANGLES)
def test_twice_the_tangle_takes_about_twice_the_time(text):
    def seconds(part):
        start = time.process_time()
        sanitise(part)
        return time.process_time() - start

    half = min(seconds(text[: N // 2]) for _ in range(3))
    whole = min(seconds(text) for _ in range(3))
    assert whole < 3.2 * half + 0.05


def test_a_tangle_that_is_slow_to_render_is_shown_as_plain_text():
    assert safe_html("![" * 30_000).startswith("<pre>")

"""Real layout: a browser sets the page, with its own fonts, columns, bullets and borders."""

import shutil
import subprocess

import pytest

from ingest.sources.blocks import BlockKind
from ingest.sources.pdf.pages import read_pages

pytestmark = pytest.mark.integration

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROSE = (
    "You can return any article within thirty days after delivery. Please keep the original packaging and the "
    "receipt, because our warehouse needs both of them to process the return. A refund takes three to five days."
)
CHINESE = (
    "收到商品后三十天内可以退货。请保留原包装和发票，仓库需要这两样东西才能处理您的退货申请。长途汽车和马车不能托运。"
    "退款会原路返回到您的付款账户，一般需要三到五个工作日，请您耐心等待。"
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    if BROWSER is None:
        pytest.skip("no Chromium to print with")
    folder = tmp_path_factory.mktemp("printed")

    def to_blocks(body, style=""):
        page, pdf = folder / "page.html", folder / "page.pdf"
        page.write_text(f"<meta charset=utf-8><style>{style}</style><body>{body}", "utf-8")
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
        subprocess.run(
            [*command, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", page.as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return list(read_pages(pdf).blocks())

    return to_blocks


def test_an_faq_of_two_columns_is_read_in_order(printed):
    body = f"<h1>Help</h1><div><h3>Can I return it?</h3><p>{PROSE}</p><h3>怎么退货？</h3><p>{CHINESE}</p></div>"
    found = printed(body, "div{column-count:2;text-align:justify} h3{margin-top:0}")
    assert [(block.kind, block.text) for block in found] == [
        (BlockKind.HEADING, "Help"),
        (BlockKind.HEADING, "Can I return it?"),
        (BlockKind.TEXT, PROSE),
        (BlockKind.HEADING, "怎么退货？"),
        (BlockKind.TEXT, CHINESE),
    ]


def test_lists_tables_and_bold_questions_are_told_apart(printed):
    body = (
        f"<p>{PROSE}</p><p><b>Where do you ship to?</b></p><p>To these countries, as long as no strike stops us:</p>"
        "<ul><li>Germany</li><li>France, including all of its islands</li></ul>"
        "<table border=1 cellspacing=0><tr><th>Country<th>Days</tr><tr><td>Germany<td>2</tr><tr><td>France<td>3 to 4"
        "</tr></table>"
    )
    found = printed(body, "body{font-family:'DejaVu Sans',sans-serif;font-size:11pt}")
    assert [block.kind for block in found] == [BlockKind.TEXT] * 4 + [BlockKind.TABLE]
    assert [block.bold for block in found] == [False, True, False, False, False]
    assert found[3].text == "- Germany\n- France, including all of its islands"
    assert found[4].rows == (("Country", "Days"), ("Germany", "2"), ("France", "3 to 4"))


def test_a_long_text_is_one_paragraph_without_its_running_head(printed):
    text = " ".join(
        f"Sentence number {number} says that orders over {number} euros travel free." for number in range(120)
    )
    style = '@page{margin:25mm;@top-left{content:"Acme manual"}@bottom-right{content:"Page " counter(page)}}'
    (block,) = printed(f"<p>{text}</p>", style)
    assert block.text == text

"""PDF: pages read per second of one core, from the file to blocks, and the memory for a long manual.

    python tests/bench/bench_pdf.py [--pages 200] [--json OUT]

Two files are made: one of full pages in one column, one of two columns with headings, English and Chinese. The floor
is what pdfium alone takes to load the pages and find their characters. Seconds are those of the processor.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path
from time import process_time

import pypdfium2
import pypdfium2.raw as pdfium

from ingest.sources.pdf.pages import read_pages
from tests.fakes.pdfs import BOLD, PdfMaker, Put, column

_ENGLISH = (
    "You can return any article within thirty days after delivery. Please keep the packaging and the receipt, because "
    "our warehouse needs both of them to process the return of article {n}. "
)
_CHINESE = "收到商品后三十天内可以退货。请保留原包装和发票，仓库需要这两样东西才能处理第{n}件商品的退货申请。"


def one_column(pages: int) -> bytes:
    """Make pages of some 3,000 characters."""
    maker = PdfMaker()
    for number in range(pages):
        maker.page([*column(_ENGLISH.format(n=number) * 16, x=60, y=80, width=460), Put(280, 815, f"{number + 1}")])
    return maker.data()


def two_columns(pages: int) -> bytes:
    """Make pages of some 2,500 characters, with a running head."""
    maker = PdfMaker()
    for number in range(pages):
        page = [Put(60, 40, "Acme user manual"), Put(280, 815, f"{number + 1}")]
        for side in range(2):
            x = 60 + 250 * side
            page.append(Put(x, 80, f"How do I return article {number}.{side}?", BOLD, 13))
            page += column(_ENGLISH.format(n=number) * 5, x=x, y=100, width=225)
            page += column(_CHINESE.format(n=number) * 6, x=x, y=450, width=225)
        maker.page(page)
    return maker.data()


def measure(path: Path) -> dict[str, float]:
    """Read a file."""
    start = process_time()
    pages = read_pages(path)
    blocks = sum(1 for _ in pages.blocks())
    took = process_time() - start
    count = len(pages.pieces)
    start = process_time()
    characters = _load(path)
    floor = process_time() - start
    return {
        "pages": count,
        "characters": characters,
        "blocks": blocks,
        "pages_per_s": round(count / took, 1),
        "pdfium_alone_pages_per_s": round(count / floor, 1),
        "ms_per_page": round(took / count * 1000, 2),
    }


def _load(path: Path) -> int:
    document = pypdfium2.PdfDocument(path)
    characters = 0
    for index in range(len(document)):
        page = pdfium.FPDF_LoadPage(document.raw, index)
        text = pdfium.FPDFText_LoadPage(page)
        characters += pdfium.FPDFText_CountChars(text)
        pdfium.FPDFText_ClosePage(text)
        pdfium.FPDF_ClosePage(page)
    document.close()
    return characters


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manual.pdf"
        for name, make in (("one_column", one_column), ("two_columns", two_columns)):
            path.write_bytes(make(given.pages))
            result[name] = measure(path)
    result["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if given.json:
        given.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

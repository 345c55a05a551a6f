"""What characters of a PDF stand for, and how pieces of text that a layout has torn apart are joined again."""

import re
import unicodedata

from models.text import HAN

# Han, bopomofo, kana, their punctuation and full-width forms: written without spaces between words.
_WIDE = rf"{HAN}\u3000-\u303f\u3040-\u30ff\u3105-\u312f\uff01-\uff60\uffe0-\uffe6"
_WIDE_CHAR = re.compile(f"[{_WIDE}]")
_COMPATIBLE = re.compile("[\u2e9f\u2ef3\u2f00-\u2fd5\uf900-\ufaff\ufb00-\ufb06\U0002f800-\U0002fa1f]")
# Radicals that Unicode does not fold, and one that it folds to the traditional character; fonts share their glyphs.
_RADICALS = str.maketrans(
    "⼾⻅⻆⻈⻉⻋⻐⻓⻔⻘⻙⻚⻛⻜⻝⻠⻢⻣⻤⻥⻦⻨⻩⻬⻮⻰⻳⺠⻄⻍⻊⻑⺁⺩⺝⺟⺮⺶⺻⻁⻏⻖⻌⻗⻟⻧⻫⻭⻯⻲⻒⻞⻪",
    "户见角讠贝车钅长门青韦页风飞食饣马骨鬼鱼鸟麦黄齐齿龙龟民西辶足長厂王月母竹羊肀虎阝阝辶雨飠鹵斉歯竜亀镸食黾",
)
_BULLETS = dict.fromkeys(map(ord, "\uf0b7\uf0a7\uf06c\uf06e\uf0d8\uf0fc\uf076\uf0a8\uf071"), "•")  # Symbol, Wingdings
_SPACES = dict.fromkeys(map(ord, "\t\r\n\x0b\x0c\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2007\u2009\u202f\u3000"), " ")
_GONE = dict.fromkeys([0, *range(3, 9), *range(14, 32), *range(127, 160), 0xFEFF, 0x200B, 0xFFFF], None)
_TABLE: dict[int, str | None] = {
    **_GONE,
    **_SPACES,
    **_BULLETS,
    2: "-",
    0xFFFE: "-",
}  # the last two are how pdfium gives the hyphen at the end of a line
_HYPHENS = "-\u2010\xad"
_HYPHENATED = re.compile(r"(?P<head>[^\W\d_]+)(?P<hyphen>[-\u2010\xad])$")
_HYPHENATED_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_WORD = re.compile(r"[^\W\d_]+")
_KEPT_BEFORE = frozenset(
    (
        "self",
        "non",
        "e",
        "co",
        "all",
        "cross",
        "ex",
        "half",
        "high",
        "low",
        "long",
        "short",
        "multi",
        "pre",
        "well",
        "x",
    )
)


def clean(text: str) -> str:
    """Give the characters that are meant: ligatures and radicals in their plain form, white space as spaces."""
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(_TABLE)
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.translate(_RADICALS)
    text = _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return unicodedata.normalize("NFC", text)


def is_unreadable(code: int) -> bool:
    """Whether a code stands for no character that could be read: the font does not say which ones it shows."""
    return code == 0xFFFD or (0xE000 <= code <= 0xF8FF and code not in _BULLETS) or code == 0


def is_wide(char: str) -> bool:
    """Whether a character belongs to a script without spaces between words."""
    return not char.isascii() and _WIDE_CHAR.match(char) is not None


def join_lines(first: str, second: str, known: frozenset[str] = frozenset()) -> str:
    """Join two lines of a paragraph: a word that was divided becomes one, Chinese is joined without a space.

    A hyphen at the end of a line is taken as a division, unless the word has it elsewhere too.

    Args:
        first: the text so far.
        second: the line that follows.
        known: words of the document in lower case, with and without hyphens, that were found inside lines.
    """
    first, second = first.rstrip(), second.strip()
    if not first or not second:
        return first or second
    if first[-1] in _HYPHENS:
        divided = _HYPHENATED.search(first, max(len(first) - 60, 0))
        if divided is not None:
            return _undivided(first, second, divided, known)
        if first[-1] == "\xad":
            return first[:-1] + second
    if is_wide(first[-1]) or is_wide(second[0]):
        return first + second
    return f"{first} {second}"


def _undivided(first: str, second: str, divided: re.Match[str], known: frozenset[str]) -> str:
    tail = _WORD.match(second)
    if divided["hyphen"] == "\xad" and tail is not None:
        return first[:-1] + second
    if tail is None or not tail[0][0].islower():
        return first + second  # "Wi-" "Fi"
    head, rest = divided["head"].lower(), tail[0].lower()
    kept = f"{head}-{rest}" in known or (f"{head}{rest}" not in known and head in _KEPT_BEFORE)
    return first + second if kept else first[:-1] + second


def words_within(line: str) -> list[str]:
    """Give the words of a line, with those that have a hyphen in their middle; not the last, which may be divided."""
    return [word.lower() for word in _HYPHENATED_WORD.findall(line)[:-1]]


def without_soft_hyphens(text: str) -> str:
    """Take out the marks of where a word may be divided."""
    return text.replace("\xad", "")

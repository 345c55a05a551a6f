"""Which files are taken: told by their first bytes, never by their name or by what their sender says they are."""

import unicodedata
from enum import Enum

MAX_NAME_CHARS = 100
SNIFFED = 16  # bytes that are enough to tell


class Kind(Enum):
    """A kind of file, by its media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    GIF = "image/gif"
    PDF = "application/pdf"

    @property
    def is_picture(self) -> bool:
        """Whether it is drawn anew before it is kept."""
        return self is not Kind.PDF


_ENDINGS = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "application/pdf": ".pdf",
}  # fmt: skip
_FORBIDDEN = frozenset('<>:"/\\|?*%')  # in names of some system or other, and in addresses


def kind_of(start: bytes) -> Kind | None:
    """Tell the kind of a file that begins so; None for those that are not taken, such as SVG and HTML."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if start.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return Kind.WEBP
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return Kind.GIF
    return Kind.PDF if start.startswith(b"%PDF-") else None


def safe_name(name: str, media_type: str) -> str:
    """Give a file a name that means nothing to any system or page, with the ending of what the file really is.

    The name is only ever shown or suggested for saving; where the file is kept has nothing to do with it.
    """
    shown = "".join(_harmless(char) for char in unicodedata.normalize("NFC", name[: 4 * MAX_NAME_CHARS]))
    ending = _ENDINGS[media_type]
    stem, dot, last = shown.strip(" .").rpartition(".")
    if not dot or not last.isascii() or not last.isalnum() or len(last) > 5:
        stem = shown
    stem = " ".join(stem.split()).strip(" .-_")[: MAX_NAME_CHARS - len(ending)]
    return (stem or "file") + ending


def _harmless(char: str) -> str:
    """Replace what separates, controls, or turns the direction of writing, as names do that disguise their ending."""
    return "_" if char in _FORBIDDEN or (unicodedata.category(char)[0] in "CZ" and char != " ") else char

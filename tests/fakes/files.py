"""Files as visitors send them, and as nobody should."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("http://evil.example")</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), *, mode: str = "RGB", **more: Any) -> bytes:
    """A picture whose left half is dark and whose right half is light."""
    image = Image.new(mode, size, 0)
    light = Image.new(mode, ((size[0] + 1) // 2, size[1]), "white" if mode != "CMYK" else (0, 0, 0, 0))
    image.paste(light, (size[0] // 2, 0))
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def photo_with_a_place() -> bytes:
    """A JPEG as a telephone makes it: turned by 90 degrees, with where it was taken and a comment."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRETPHONE"
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 3.0), 3: "E", 4: (121.0, 28.0, 7.0)})
    return picture("JPEG", (64, 32), exif=exif, comment=b"SECRETCOMMENT")


def png_of(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A PNG that claims a size, with as many rows of zeros, which pack a thousandfold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + 4 * width)
    packed = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")

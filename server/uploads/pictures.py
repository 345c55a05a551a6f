"""Draws a picture anew, so that nothing of the file that was sent is kept but what can be seen. Runs in a worker."""

import io
from contextlib import suppress
from typing import BinaryIO, Final

import msgspec
from PIL import Image, ImageCms

from server.uploads.kinds import Kind

MAX_PIXELS = 50_000_000  # that are decoded: what telephones take today
KEPT_PIXELS = 8_000_000  # a screenshot of many pages stays readable
MAX_SIDE = 16_000  # WebP ends at 16,383
_QUALITY = 85
_TOO_LARGE = f"a picture may have {MAX_PIXELS // 1_000_000} million pixels"
_ORIENTATION = 0x0112  # of Exif
_PNG_LEVEL = 6
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


class TooLarge(ValueError):
    """The picture has more pixels than are decoded."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it is kept."""

    data: bytes
    media_type: str


def drawn_anew(file: BinaryIO, kind: Kind) -> Drawn:
    """Decode a picture and encode it again: the right way up, in the usual colours, without any metadata.

    Of something animated the first picture is kept; a GIF becomes a PNG. Large pictures are reduced.

    Raises:
        TooLarge: it would take too much to decode.
        Exception: whatever the decoder says of a damaged file.
    """
    with _opened(file, kind) as opened:
        width, height = opened.size
        if width * height > MAX_PIXELS:
            raise TooLarge(_TOO_LARGE)
        turned = opened.getexif().get(_ORIENTATION, 1)
        profile = opened.info.get("icc_profile")
        size = _size_kept(width, height)
        opened.draft("RGB", size)  # JPEG decodes to a fraction of the size at once
        image = _in_a_plain_mode(opened)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = _in_usual_colours(image, profile)
    if turned in _TURNS:
        image = image.transpose(_TURNS[turned])
    return _encoded(_bare(image), kind)


def _opened(file: BinaryIO, kind: Kind) -> Image.Image:
    try:
        return Image.open(file, formats=[kind.name])
    except Image.DecompressionBombError as error:  # far beyond our own bound
        raise TooLarge(_TOO_LARGE) from error


def _size_kept(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, (KEPT_PIXELS / (width * height)) ** 0.5, MAX_SIDE / max(width, height))
    return max(1, int(width * share)), max(1, int(height * share))


def _in_a_plain_mode(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _in_usual_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Turn the colours of a camera's or printer's profile into those that every screen takes a picture to be in."""
    if profile and image.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # a profile that cannot be used is as good as none
            given, usual = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, given, usual, outputMode="RGB") or image
    return image.convert("RGB") if image.mode == "CMYK" else image


def _bare(image: Image.Image) -> Image.Image:
    """Take over the pixels and nothing else."""
    return Image.frombytes(image.mode, image.size, image.tobytes())


def _encoded(image: Image.Image, kind: Kind) -> Drawn:
    out = io.BytesIO()
    match kind:
        case Kind.JPEG:
            image.convert("RGB" if image.mode != "L" else "L").save(out, "JPEG", quality=_QUALITY)
            return Drawn(data=out.getvalue(), media_type="image/jpeg")
        case Kind.WEBP:
            image.save(out, "WEBP", quality=_QUALITY)
            return Drawn(data=out.getvalue(), media_type="image/webp")
        case _:
            image.save(out, "PNG", compress_level=_PNG_LEVEL)
            return Drawn(data=out.getvalue(), media_type="image/png")

"""What is kept of a picture: what can be seen, and nothing else."""

import io

import pytest
from PIL import Image, ImageCms, ImageOps

from server.uploads import pictures
from server.uploads.kinds import Kind, kind_of, safe_name
from server.uploads.pictures import TooLarge, drawn_anew
from tests.fakes.files import HTML, PDF, SVG, photo_with_a_place, picture, png_of


def redrawn(raw, kind):
    drawn = drawn_anew(io.BytesIO(raw), kind)
    return drawn, Image.open(io.BytesIO(drawn.data))


def test_a_photo_loses_where_and_with_what_it_was_taken_and_stands_upright():
    drawn, image = redrawn(photo_with_a_place(), Kind.JPEG)

    assert drawn.media_type == "image/jpeg"
    assert image.size == (32, 64)  # it was 64 wide, and to be turned
    assert (image.getpixel((16, 8)), image.getpixel((16, 56))) == ((0, 0, 0), (255, 255, 255))
    assert dict(image.getexif()) == {}
    assert b"SECRET" not in drawn.data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_whatever_way_a_camera_was_held_the_picture_is_shown_as_viewers_show_it(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = picture("PNG", (6, 4), exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
    _, image = redrawn(raw, Kind.PNG)
    assert (image.size, image.convert("RGB").tobytes()) == (wanted.size, wanted.convert("RGB").tobytes())


@pytest.mark.parametrize(
    ("kind", "format", "mode", "media_type"),
    [
        (Kind.PNG, "PNG", "RGB", "image/png"),
        (Kind.PNG, "PNG", "RGBA", "image/png"),
        (Kind.PNG, "PNG", "1", "image/png"),
        (Kind.PNG, "PNG", "P", "image/png"),
        (Kind.PNG, "PNG", "I;16", "image/png"),
        (Kind.JPEG, "JPEG", "L", "image/jpeg"),
        (Kind.JPEG, "JPEG", "CMYK", "image/jpeg"),
        (Kind.WEBP, "WEBP", "RGBA", "image/webp"),
        (Kind.GIF, "GIF", "P", "image/png"),
    ],
)
def test_every_usual_kind_of_picture_is_kept(kind, format, mode, media_type):
    plain = Image.new("RGB", (8, 8), (200, 30, 30))
    out = io.BytesIO()
    (plain.convert("L").convert("I;16") if mode == "I;16" else plain.convert(mode)).save(out, format)
    drawn, image = redrawn(out.getvalue(), kind)
    assert (drawn.media_type, image.size) == (media_type, (8, 8))


def test_what_is_transparent_stays_transparent():
    raw = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(raw, "PNG")
    _, image = redrawn(raw.getvalue(), Kind.PNG)
    assert image.getpixel((1, 1))[3] == 0


def test_a_profile_that_is_damaged_does_no_harm_and_one_that_is_whole_is_applied():
    _, image = redrawn(picture("JPEG", icc_profile=b"no profile"), Kind.JPEG)
    assert image.size == (40, 30)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    _, image = redrawn(picture("JPEG", icc_profile=profile), Kind.JPEG)
    assert "icc_profile" not in image.info


def test_of_something_animated_the_first_picture_is_kept():
    frames = [Image.new("P", (8, 8), color) for color in (0, 1, 2)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    drawn, image = redrawn(out.getvalue(), Kind.GIF)
    assert (drawn.media_type, getattr(image, "n_frames", 1)) == ("image/png", 1)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded():
    with pytest.raises(TooLarge, match="50 million pixels"):
        drawn_anew(io.BytesIO(png_of(9_000, 6_000, rows=1)), Kind.PNG)


def test_a_large_picture_is_reduced_and_a_long_screenshot_stays_readable():
    _, image = redrawn(picture("JPEG", (4000, 3000)), Kind.JPEG)
    assert image.size[0] * image.size[1] <= pictures.KEPT_PIXELS
    assert abs(image.size[0] / image.size[1] - 4 / 3) < 0.01
    _, image = redrawn(picture("PNG", (1000, 7000), mode="L"), Kind.PNG)
    assert image.size == (1000, 7000)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.is_picture])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_that_breaks_off_is_refused(kind, share):
    raw = picture("GIF" if kind is Kind.GIF else kind.name, (200, 100), mode="L" if kind is Kind.GIF else "RGB")
    with pytest.raises(Exception):  # noqa: B017, PT011 - what decoders raise is no promise; the worker maps all of it
        drawn_anew(io.BytesIO(raw[: int(len(raw) * share)]), kind)


# -- kinds and names


def test_the_kind_is_told_by_what_is_inside():
    raws = {"PNG": picture("PNG"), "JPEG": picture("JPEG"), "WEBP": picture("WEBP"), "GIF": picture("GIF", mode="L")}
    assert {name: kind_of(raw[:16]).name for name, raw in raws.items()} == {name: name for name in raws}
    assert kind_of(PDF[:16]) is Kind.PDF
    for other in (SVG, HTML, b"", b"PK\x03\x04 zip", b"MZ program", b" %PDF-1.4", b"GIF89"):
        assert kind_of(other[:16]) is None


@pytest.mark.parametrize(
    ("given", "media_type", "kept"),
    [
        ("photo.png", "image/png", "photo.png"),
        ("照片 1.JPG", "image/jpeg", "照片 1.jpg"),
        ("invoice.pdf.exe", "application/pdf", "invoice.pdf.pdf"),
        ("../../etc/passwd", "image/png", "etc_passwd.png"),
        ("C:\\Users\\ann\\x.pdf", "application/pdf", "C__Users_ann_x.pdf"),
        ("<img src=x onerror=alert(1)>.png", "image/png", "img src=x onerror=alert(1).png"),
        ("evil\u202egnp.exe", "image/png", "evil_gnp.png"),
        ("a\0b\r\nc.pdf", "application/pdf", "a_b__c.pdf"),
        ("", "image/webp", "file.webp"),
        ("....", "image/webp", "file.webp"),
        (".htaccess", "image/png", "htaccess.png"),
        ("v1.2 of the plan", "application/pdf", "v1.2 of the plan.pdf"),
        ("x" * 500 + ".png", "image/jpeg", "x" * 96 + ".jpg"),
    ],
)
def test_a_name_says_what_the_file_is_and_means_nothing_to_any_system(given, media_type, kept):
    assert safe_name(given, media_type) == kept

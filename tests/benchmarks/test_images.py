"""Images are identified by their pixels; damaged ones stay items of their own."""

import io
import random

import pytest
from PIL import Image

from ipllvm_spec.benchmarks.fields import UndecodableImageError
from ipllvm_spec.benchmarks.images import Digester, FileDigester, decode, image_bytes, pixel_digest


def encoded(image, **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def test_equal_pixels_have_one_digest(encode_png):
    """The file format does not matter; a changed pixel or shape does."""
    image = decode(encode_png(1))
    bmp = decode(encoded(image, format="BMP"))
    assert pixel_digest(bmp) == pixel_digest(image)
    assert pixel_digest(image.rotate(180)) != pixel_digest(image)
    changed = image.copy()
    changed.putpixel((0, 0), tuple(255 - channel for channel in image.getpixel((0, 0))))
    assert pixel_digest(changed) != pixel_digest(image)
    # Equal bytes of another shape are another image.
    turned = Image.frombytes("RGB", (image.height, image.width), image.tobytes())
    assert pixel_digest(turned) != pixel_digest(image)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_every_mode_becomes_rgb(encode_png, mode):
    """Grey, palette and transparent images are asked as RGB."""
    assert decode(encode_png(2, mode=mode)).mode == "RGB"


def test_photographs_are_turned_upright():
    """An orientation tag is applied, as datasets does."""
    image = Image.new("RGB", (4, 2), "red")
    tags = Image.Exif()
    tags[0x0112] = 6
    assert decode(encoded(image, format="JPEG", exif=tags)).size == (2, 4)


def test_cells(tmp_path, encode_png):
    """Bytes win over a path; a path is read; nothing at all is an error that says so."""
    file = tmp_path / "a.png"
    file.write_bytes(encode_png(3))
    assert image_bytes({"bytes": encode_png(4), "path": str(file)}) == encode_png(4)
    assert image_bytes({"bytes": None, "path": str(file)}) == encode_png(3)
    for cell in (None, {"bytes": None, "path": None}, {"bytes": b"", "path": ""}):
        with pytest.raises(UndecodableImageError, match="no image"):
            image_bytes(cell)
    with pytest.raises(UndecodableImageError, match="cannot be read"):
        image_bytes({"bytes": None, "path": str(tmp_path / "gone.png")})


def test_digests_of_damaged_images(encode_png, tmp_path):
    """Different damaged files differ, from each other and from whole ones, and say why."""
    digester = Digester()
    whole = encode_png(5)
    contents = [whole, whole[:-30], whole[:40], b"no image"]
    digests = [digester.digest({"bytes": content, "path": None}) for content in contents]
    digests += [digester.digest({"path": str(tmp_path / name)}) for name in ("a.png", "b.png")]
    assert len(set(digests)) == 6
    assert digests[0] == pixel_digest(decode(whole))
    assert list(digester.failures) == digests[1:]
    assert "cannot be decoded" in digester.failures[digests[2]]
    assert "a.png" in digester.failures[digests[4]]
    assert Digester().digest({"bytes": whole[:40], "path": None}) == digests[2]


@pytest.mark.parametrize("cell", [None, {"bytes": None, "path": None}, {"bytes": b"", "path": ""}])
def test_a_row_without_an_image_has_no_digest(cell):
    """An empty cell is not a broken image: a benchmark may leave such rows out."""
    digester = Digester()
    assert digester.digest(cell) == ""
    assert digester.failures == {}


def test_a_look_in_passing_decodes_nothing(encode_png):
    """Digests of files tell files apart, whole or not, and are not those of pixels."""
    digester = FileDigester()
    whole = encode_png(5)
    digests = [digester.digest({"bytes": b, "path": None}) for b in (whole, whole[:40], whole)]
    assert digests[0] == digests[2] != digests[1]
    assert digests[0] != pixel_digest(decode(whole))
    assert digester.failures == {}


def test_each_content_is_decoded_once(monkeypatch, encode_png):
    """The two questions of an MME image cost one decoding."""
    from ipllvm_spec.benchmarks import images

    decoded = []
    monkeypatch.setattr(images, "decode", lambda content: decoded.append(1) or decode(content))
    digester = Digester()
    for seed in (1, 1, 2, 1):
        digester.digest({"bytes": encode_png(seed), "path": None})
    assert len(decoded) == 2


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, about the damage
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_damage_is_always_the_same_error(kind, encode_png):
    """However bytes are damaged, an image decodes or is an UndecodableImageError."""
    whole = encoded(decode(encode_png(6, size=(40, 30))), format=kind)
    draw = random.Random(0)
    failed = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 12)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        cut = bytes(content[: draw.randint(0, len(content))])
        try:
            assert decode(cut).mode == "RGB"
        except UndecodableImageError:
            failed += 1
    assert failed > 100

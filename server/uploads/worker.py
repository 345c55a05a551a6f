"""The process in which pictures of strangers are decoded; started by `server.uploads.studio`."""

import os

import msgspec

# All that a picture may need is loaded before rights are given up.
from PIL import GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin

from ingest.sources.confined import bound, confine, end_with
from server.uploads.exchange import Answer, Order
from server.uploads.kinds import Kind
from server.uploads.pictures import Drawn, TooLarge, drawn_anew

MEMORY_MB = 768
SECONDS = 20.0  # of computing
LOADED = (GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin)

_order = msgspec.json.Decoder(Order)
_answer = msgspec.json.Encoder()


def main(parent: int) -> None:
    """Draw pictures as they are asked for on standard input, until it ends.

    Args:
        parent: the process that asks; without it, this one ends.
    """
    answers = os.dup(1)
    orders = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a library prints does not get among the answers
    end_with(parent)
    confine()
    for line in orders:
        _serve(_order.decode(line), answers)


def _serve(order: Order, answers: int) -> None:
    bound(MEMORY_MB, SECONDS)
    try:
        with open(order.path, "rb") as file:
            drawn = drawn_anew(file, Kind[order.kind])
    except TooLarge as error:
        _write(answers, Answer(too_large=str(error)))
    except MemoryError:
        _write(answers, Answer(too_large="the picture takes too much memory to decode", worn=True))
        os._exit(1)  # what is left of the memory cannot be relied on
    except Exception as error:  # noqa: BLE001 - the edge: whatever a decoder raises costs its own picture only
        _write(answers, Answer(damaged=f"the picture cannot be read ({type(error).__name__})"))
    else:
        _write(answers, Answer(size=len(drawn.data), media_type=drawn.media_type), drawn)


def _write(answers: int, answer: Answer, drawn: Drawn | None = None) -> None:
    data = memoryview(_answer.encode(answer) + b"\n" + (drawn.data if drawn is not None else b""))
    while data:
        data = data[os.write(answers, data) :]

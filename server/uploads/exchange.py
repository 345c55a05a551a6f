"""What passes between the server and the worker that draws pictures: a line of JSON each way, then the picture."""

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to be drawn anew."""

    path: str
    kind: str  # name of a `server.uploads.kinds.Kind`


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it. `size` bytes follow, if it became something."""

    size: int = 0
    media_type: str = ""
    too_large: str = ""  # in one sentence
    damaged: str = ""
    worn: bool = False  # the worker is not to be used again

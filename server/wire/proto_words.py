"""How the binary encoding shortens what JSON writes out: words of closed lists, identifiers, tokens, keys.

Every way out has its way back, one to one: what was written is read as it was. What has no short form goes as text.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Any, Final

from server.ids import ID_BYTES, from_text, to_text
from server.wire import kefu_pb2 as pb

KEY_PREFIX: Final = "wk_"
SIGNATURE_BYTES: Final = 32
_TOKEN_HEAD: Final = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode()


class Words:
    """A closed list of the schema, and its escape for any other word."""

    def __init__(self, name: str, values: Iterable[tuple[str, int]]) -> None:
        """Read the list.

        Args:
            name: of the enumeration, in capitals.
            values: the constants and their numbers.
        """
        numbers = {key.removeprefix(f"{name}_").lower(): number for key, number in values}
        self._text = numbers.pop("text")
        self._numbers = numbers
        self._words = {number: word for word, number in numbers.items()}

    @property
    def words(self) -> frozenset[str]:
        """Those that have a number."""
        return frozenset(self._numbers)

    def out(self, word: str) -> tuple[Any, str]:
        """Give a word's number, as the generated types name it, and the text that goes beside it."""
        number = self._numbers.get(word)
        return (self._text, word) if number is None else (number, "")

    def read(self, number: int, text: str) -> str:
        """Give the word.

        Raises:
            ValueError: the number is not of the list.
        """
        if number == self._text:
            return text
        word = self._words.get(number)
        if word is None:
            raise ValueError(f"{number} is no word of its list")
        return word


KINDS = Words("KIND", pb.Kind.items())
AUTHORS = Words("AUTHOR", pb.Author.items())
DECISIONS = Words("DECISION", pb.Decision.items())
REASONS = Words("REASON", pb.Reason.items())
ACTIONS = Words("ACTION", pb.Action.items())
CODES = Words("CODE", pb.Code.items())


def id_out(text: str) -> bytes:
    """Give the bytes of an identifier; none for "".

    Raises:
        ValueError: the text is no identifier.
    """
    return from_text(text) if text else b""


def id_read(raw: bytes, *, needed: bool = True) -> str:
    """Give an identifier's text.

    Raises:
        ValueError: it has not 16 bytes.
    """
    if len(raw) != ID_BYTES and (raw or needed):
        raise ValueError(f"an identifier has {ID_BYTES} bytes; got {len(raw)}")
    return to_text(raw) if raw else ""


def name_out(text: str) -> tuple[bytes, str]:
    """Give a client's name for what it said: as an identifier if it is one, else as text."""
    try:
        return from_text(text), ""
    except ValueError:
        return b"", text


def name_read(raw: bytes, text: str) -> str:
    """Give a client's name for what it said."""
    return id_read(raw) if raw else text


def key_out(key: str) -> tuple[bytes, str]:
    """Give a widget's key without its prefix; any other as text."""
    raw, _ = name_out(key.removeprefix(KEY_PREFIX)) if key.startswith(KEY_PREFIX) else (b"", "")
    return raw, "" if raw else key


def key_read(raw: bytes, text: str) -> str:
    """Give a key."""
    return KEY_PREFIX + id_read(raw) if raw else text


def signature_out(text: str) -> tuple[bytes, str]:
    """Give the bytes of a signature that is 64 hexadecimal digits in small letters; any other as text."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b"", text
    return (raw, "") if len(raw) == SIGNATURE_BYTES and raw.hex() == text else (b"", text)


def signature_read(raw: bytes, text: str) -> str:
    """Give a signature.

    Raises:
        ValueError: it has not 32 bytes.
    """
    if raw and len(raw) != SIGNATURE_BYTES:
        raise ValueError(f"a signature has {SIGNATURE_BYTES} bytes; got {len(raw)}")
    return raw.hex() if raw else text


def token_out(token: str) -> tuple[bytes, bytes, str]:
    """Give a token's claims and signature; any but a JSON web token with our header goes as text."""
    head, _, rest = token.partition(".")
    claims, _, signature = rest.partition(".")
    if head != _TOKEN_HEAD or not claims or not signature:
        return b"", b"", token
    try:
        raw = _unpadded(claims), _unpadded(signature)
    except ValueError:
        return b"", b"", token
    return (*raw, "") if token_read(*raw, "") == token else (b"", b"", token)


def token_read(claims: bytes, signature: bytes, text: str) -> str:
    """Give a token."""
    if not claims and not signature:
        return text
    return f"{_TOKEN_HEAD}.{to_text(claims)}.{to_text(signature)}"


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

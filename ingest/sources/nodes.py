"""Objects as JSON and YAML files hold them, with what is wrong about them."""

from typing import Any


class Node(dict[str, Any]):
    """An object or mapping; what cannot be said by a plain dict stands beside it."""

    line: int = 0  # in the file, from 1; 0 where it is not known
    problem: str = ""  # why it cannot be read as an entry: a key that is there twice, an alias, a tag


def text_of(value: Any) -> str:
    """Give the text of a value that is a text, or an object that holds one; "" of all others."""
    if isinstance(value, dict):
        found = next(
            (value[key] for key in ("text", "content", "value", "question", "answer", "name") if key in value), ""
        )
        return found if isinstance(found, str) else ""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> list[str]:
    """Give the texts of a list, or of one value."""
    values = value if isinstance(value, list) else [value]
    return [text for text in map(text_of, values) if text.strip()]

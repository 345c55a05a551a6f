"""Dialogflow's exported agent: what visitors say and what is answered are in two files of one name.

`intents/returns.json` has the answer, `intents/returns_usersays_en.json` the questions.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.halves import half
from ingest.sources.nodes import texts_of
from knowledge.types import Source

_USER_SAYS = re.compile(r"(?P<intent>.+)_usersays_(?P<language>[\w-]+)\.json$", re.IGNORECASE)


def is_user_says(first: Any) -> bool:
    """Tell whether the first element of a list is something that a visitor says."""
    if not isinstance(first, dict) or not isinstance(first.get("data"), list):
        return False
    return all(isinstance(part, dict) and "text" in part for part in first["data"])


def dialogflow_halves(value: Any, document: Document, options: ReadOptions) -> Iterator[Item] | None:
    """Give the halves of entries that a file of an agent holds, None if it is no such file."""
    if isinstance(value, list):
        return _questions(value, document, options) if value and is_user_says(value[0]) else None
    if isinstance(value, dict) and "responses" in value and "name" in value and ("auto" in value or "events" in value):
        return _answers(value, document, options)
    return None


def _questions(said: list[Any], document: Document, options: ReadOptions) -> Iterator[Item]:
    name = _USER_SAYS.match(PurePosixPath(document.name).name)
    parts = [each["data"] for each in said if is_user_says(each)]
    texts = [text for data in parts if (text := "".join(str(part["text"]) for part in data).strip())]
    if texts:
        intent = name["intent"] if name else PurePosixPath(document.name).stem
        values = {"question": texts[0], "similar_questions": texts[1:], "language": name["language"] if name else ""}
        yield half(f"Dialogflow's {intent}", values, Source(file=document.name, place=""), options)


def _answers(intent: dict[str, Any], document: Document, options: ReadOptions) -> Iterator[Item]:
    """Take the first wording of each message; a fallback intent answers no question."""
    if intent.get("fallbackIntent") is True:
        return
    spoken: dict[str, list[str]] = {}
    for response in intent["responses"] if isinstance(intent["responses"], list) else ():
        messages = response.get("messages", []) if isinstance(response, dict) else []
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict) and (texts := texts_of(message.get("speech", []))):
                spoken.setdefault(str(message.get("lang", "")), []).append(texts[0])
    if spoken:
        values = {"answer": "\n\n".join(next(iter(spoken.values()))), "id": str(intent["name"])}
        yield half(f"Dialogflow's {intent['name']}", values, Source(file=document.name, place=""), options)

"""Rasa projects: questions in nlu.yml, answers in domain.yml, and rules that say which belong together.

An intent `faq/ask_hours` is answered by the response `utter_faq/ask_hours` (Rasa's naming of retrieval intents), or by
the one that a rule names.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from ingest.records import Note
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.halves import half
from ingest.sources.nodes import Node, text_of
from knowledge.types import Source

_ITEM: Final = re.compile(r"^\s*[-*]\s+(.+?)\s*$", re.MULTILINE)
_ENTITY: Final = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\})")  # [Berlin](city), [Berlin]{"entity": "city"}
_SLOT: Final = re.compile(r"\{[A-Za-z_]\w*\}")
_ABOUT_WORDS: Final = """
    version intents entities slots forms actions session_config e2e_actions stories pipeline policies recipe language
    assistant_id config_version lookup regex synonym action_endpoint tracker_store event_broker rest flows nlg
    commands
"""
_ABOUT: Final = frozenset(_ABOUT_WORDS.split())  # keys of Rasa's files that hold neither questions nor answers


def rasa_items(value: Any, document: Document, options: ReadOptions) -> Iterator[Item] | None:
    """Give the halves of entries that a file of a Rasa project holds, None if it is no such file."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("rasa_nlu_data"), dict):
        return _examples(value["rasa_nlu_data"].get("common_examples"), document, options)
    nlu = _list_with(value.get("nlu"), "examples")
    rules = _list_with(value.get("rules"), "steps")
    responses = value.get("responses", value.get("templates"))
    if not isinstance(responses, dict) or not any(str(name).startswith("utter_") for name in responses):
        responses = {}
    if not (nlu or rules or responses or _is_about(value)):
        return None
    return _parts(nlu, responses, rules, document, options)


def _is_about(value: dict[str, Any]) -> bool:
    """Tell a file of settings from one that has a key in common with them, such as a list of intents with patterns."""
    return (
        bool(value)
        and _ABOUT.issuperset(value)
        and not any(
            isinstance(each, dict) and len(each) > 1 for key in ("intents", "flows") for each in _listed(value.get(key))
        )
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _list_with(value: Any, key: str) -> list[Any]:
    """Give the list if its elements are of the kind that has the key."""
    if isinstance(value, list) and any(isinstance(each, dict) and key in each for each in value):
        return value
    return []


def _parts(
    nlu: list[Any], responses: dict[str, Any], rules: list[Any], document: Document, options: ReadOptions
) -> Iterator[Item]:
    for each in nlu:
        if isinstance(each, dict) and "intent" in each:
            yield from _questions(str(each["intent"]), _texts(each.get("examples")), document, options, _place(each))
    for name, wordings in responses.items():
        yield from _answer(str(name), wordings, document, options)
    for rule in rules:
        if isinstance(rule, dict) and isinstance(rule.get("steps"), list):
            yield from _link(rule["steps"], document, options, _place(rule))
    if not (nlu or responses or rules):
        text = "a Rasa file without questions and answers; they are in nlu.yml and domain.yml"
        yield Note(source=Source(file=document.name, place=""), text=text)


def _examples(examples: Any, document: Document, options: ReadOptions) -> Iterator[Item]:
    """Give the questions of the older JSON form, in which every example names its intent."""
    by_intent: dict[str, list[str]] = {}
    for each in examples if isinstance(examples, list) else ():
        if isinstance(each, dict) and isinstance(each.get("text"), str) and isinstance(each.get("intent"), str):
            by_intent.setdefault(each["intent"], []).append(each["text"])
    for intent, texts in by_intent.items():
        yield from _questions(intent, texts, document, options, "")


def _texts(examples: Any) -> list[str]:
    """Give the examples, from a text with one on each line or a list."""
    if isinstance(examples, str):
        return _ITEM.findall(examples)
    texts: list[str] = []
    for each in examples if isinstance(examples, list) else ():
        text = text_of(each).strip()
        texts += _ITEM.findall(text) or ([text] if text else [])
    return texts


def _questions(intent: str, texts: list[str], document: Document, options: ReadOptions, place: str) -> Iterator[Item]:
    plain = list(dict.fromkeys(_ENTITY.sub(r"\1", text) for text in texts))
    if plain:
        values = {
            "question": plain[0],
            "similar_questions": plain[1:],
            "id": intent,
            "category": intent.partition("/")[0] if "/" in intent else "",
        }
        yield half(f"Rasa's utter_{intent}", values, Source(file=document.name, place=place), options)


def _answer(name: str, wordings: Any, document: Document, options: ReadOptions) -> Iterator[Item]:
    """Take the first wording that is meant for all channels; Rasa chooses one at random."""
    if not name.startswith("utter_"):
        return
    listed = wordings if isinstance(wordings, list) else [wordings]
    general = [each for each in listed if not (isinstance(each, dict) and ("channel" in each or "condition" in each))]
    chosen = next((each for each in general or listed if text_of(each)), None)
    if chosen is None:
        return
    answer = text_of(chosen)
    place = _place(chosen)
    if isinstance(chosen, dict) and isinstance(chosen.get("image"), str) and " " not in chosen["image"].strip():
        answer = f"{answer}\n\n![]({chosen['image'].strip()})"
    yield half(f"Rasa's {name}", {"answer": answer}, Source(file=document.name, place=place), options)
    if slot := _SLOT.search(answer):
        text = f"the response {name} has the slot {slot[0]}, which is shown as it is; write the answer without it"
        yield Note(source=Source(file=document.name, place=place), text=text)


def _link(steps: list[Any], document: Document, options: ReadOptions, place: str) -> Iterator[Item]:
    """Give what a rule says that answers one intent with one response."""
    intents = [str(step["intent"]) for step in steps if isinstance(step, dict) and "intent" in step]
    actions = [str(step["action"]) for step in steps if isinstance(step, dict) and "action" in step]
    spoken = [action for action in actions if action.startswith("utter_")]
    if len(intents) == 1 and len(spoken) == 1 and spoken[0] != f"utter_{intents[0]}":
        linked = {"id": f"Rasa's {spoken[0]}"}
        yield half(f"Rasa's utter_{intents[0]}", linked, Source(file=document.name, place=place), options)


def _place(node: Any) -> str:
    return f"line {node.line}" if isinstance(node, Node) and node.line else ""

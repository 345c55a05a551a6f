"""Forms in which other bots and sites keep questions, where the names of the keys alone do not tell.

Botpress, schema.org's FAQPage, chats (OpenAI, ShareGPT), lists of patterns and responses, ChatterBot.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from ingest.sources.names import canonical, fold
from ingest.sources.nodes import text_of, texts_of

Values = dict[str, Any]  # of one entry, by the names of fields

_PATTERNS: Final = ("patterns", "training_phrases", "trainingPhrases", "utterances", "examples", "questions")
_RESPONSES: Final = ("responses", "answers", "replies")
# Keys, folded, of objects that are more than their question and answer: a switch, or one of the forms below.
TELLING: Final = frozenset(
    (
        *("enabled", "is_enabled", "is_active", "published", "disabled", "draft", "is_draft", "archived", "status"),
        *(
            "state",
            "状态",
            "data",
            "accepted_answer",
            "messages",
            "conversations",
            "conversation",
            "dialog",
            "dialogue",
        ),
        *("patterns", "training_phrases", "utterances", "examples", "responses", "replies"),
    )
)
_OFF: Final = frozenset(
    (
        "draft",
        "drafts",
        "disabled",
        "inactive",
        "archived",
        "pending",
        "草稿",
        "停用",
        "禁用",
        "未发布",
        "已停用",
        "已下线",
    )
)


def entries_in(node: Mapping[str, Any]) -> list[Values] | None:
    """Give the entries that an object of a known form holds; None if it is of no such form."""
    for form in _FORMS:
        found = form(node)
        if found is not None:
            return found
    return None


def is_off(node: Mapping[str, Any]) -> bool:
    """Tell whether an entry is marked as a draft or switched off."""
    for key, value in node.items():
        match fold(key):
            case "enabled" | "is_enabled" | "is_active" | "published":
                off = value in (False, "false", "False")
            case "disabled" | "draft" | "is_draft" | "archived":
                off = value in (True, "true", "True")
            case "status" | "state" | "状态":
                off = isinstance(value, str) and value.strip().casefold() in _OFF
            case _:
                off = False
        if off:
            return True
    data = node.get("data")
    return isinstance(data, dict) and "questions" in data and is_off(data)


def pairs_in(rows: Sequence[Any]) -> list[Values] | None:
    """Give the entries of a list of lists: the first row names the columns, or each row is a question and answer."""
    if not rows or not all(isinstance(row, list) and len(row) > 1 for row in rows[:20]):
        return None
    names = [canonical(cell) if isinstance(cell, str) else None for cell in rows[0]]
    if "question" in names and "answer" in names:
        return [
            {name: cell for name, cell in zip(names, row, strict=False) if name} if isinstance(row, list) else {}
            for row in rows[1:]
        ]
    if all(isinstance(cell, str) for row in rows[:20] for cell in row[:2]):
        return [{"question": row[0], "answer": row[1]} if isinstance(row, list) and row[1:] else {} for row in rows]
    return None


def _botpress(node: Mapping[str, Any]) -> list[Values] | None:
    data = node.get("data")
    if not (isinstance(data, dict) and isinstance(data.get("questions"), dict | list) and "answers" in data):
        return None
    questions, answers = data["questions"], data["answers"]
    if isinstance(questions, list):
        questions, answers = {"": questions}, {"": answers}
    identity = text_of(node.get("id"))
    several = sum(bool(texts_of(each)) for each in questions.values()) > 1
    entries: list[Values] = []
    for language, asked in questions.items():
        if texts := texts_of(asked):
            answered = texts_of(answers.get(language) if isinstance(answers, dict) else None)
            entry: Values = {"question": texts[0], "similar_questions": texts[1:], "answer": (answered or [""])[0]}
            if identity:
                entry["id"] = f"{identity}-{language}" if several else identity
            if language:
                entry["language"] = language
            contexts = texts_of(data.get("contexts") or data.get("category") or "")
            if contexts and contexts[0] != "global":
                entry["category"] = contexts[0]
            entries.append(entry)
    return entries


def _schema_org(node: Mapping[str, Any]) -> list[Values] | None:
    accepted = node.get("acceptedAnswer")
    if not accepted or not isinstance(node.get("name"), str):
        return None
    return [{"question": node["name"], "answer": (texts_of(accepted) or [""])[0]}]


def _chat(node: Mapping[str, Any]) -> list[Values] | None:
    """Take the first question of a chat with its answer; what follows depends on it."""
    for key in ("messages", "conversations", "conversation", "dialog", "dialogue"):
        turns = node.get(key)
        if not (isinstance(turns, list) and turns and all(isinstance(turn, dict) for turn in turns)):
            continue
        said = [(str(turn.get("role", turn.get("from", ""))).casefold(), text_of(turn)) for turn in turns]
        if not all(role in _ROLES for role, _ in said):
            continue
        spoken = [(_ROLES[role], text) for role, text in said if _ROLES[role]]
        for (asker, question), (answerer, answer) in pairwise(spoken):
            if (asker, answerer) == ("visitor", "bot"):
                return [{"question": question, "answer": answer}]
        return []
    return None


_ROLES: Final = {
    **dict.fromkeys(("user", "human", "customer", "visitor", "客户", "用户"), "visitor"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatgpt", "agent", "客服"), "bot"),
    **dict.fromkeys(("system", "tool", "function", "developer"), ""),
}


def _patterns(node: Mapping[str, Any]) -> list[Values] | None:
    """Take one of several answers, the first: they are wordings of the same, of which the bot chose one at random."""
    asked = next((node[key] for key in _PATTERNS if isinstance(node.get(key), list)), None)
    answered = next((node[key] for key in _RESPONSES if isinstance(node.get(key), list)), None)
    if asked is None or answered is None or any(isinstance(each, dict) and len(each) > 2 for each in asked[:3]):
        return None
    questions, answers = texts_of(asked), texts_of(answered)
    if not questions:
        return []
    values: Values = {"question": questions[0], "similar_questions": questions[1:], "answer": (answers or [""])[0]}
    if name := next((text for key in ("tag", "id", "intent", "name") if (text := text_of(node.get(key)))), ""):
        values["id"] = name
    return [values]


_FORMS: Final[tuple[Callable[[Mapping[str, Any]], list[Values] | None], ...]] = (
    _botpress,
    _schema_org,
    _chat,
    _patterns,
)

"""Wording: what a decision says to the visitor. Approved answers go out verbatim."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.types import (
    Answer,
    Choice,
    Clarify,
    Decision,
    Handoff,
    Reason,
    Refuse,
    SmallTalk,
    Unknown,
)
from knowledge.markup import safe_markdown
from knowledge.types import Entry
from models.protocols import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the assistant says of itself, in one language."""

    clarify: str
    clarify_one: str
    unknown: str
    talk: Mapping[str, str]
    refuse: Mapping[str, str]
    handoff: Mapping[Reason, str]
    offer: str


CHINESE = Wording(
    clarify="您是想问下面哪一个？",
    clarify_one="您是想问这个吗？",
    unknown="抱歉，这个问题我在资料里没有找到答案。需要的话我可以为您转接人工客服。",
    talk={
        "greeting": "您好！请问有什么可以帮您？",
        "thanks": "不客气！还有其他需要可以随时问我。",
        "goodbye": "再见，祝您生活愉快！",
        "bot_question": "我是自动客服助手，可以回答常见问题；需要时也可以为您转接人工客服。",
        "affirm": "好的。请问还有什么可以帮您？",
        "deny": "好的。您可以换个说法再问我，或者说“转人工”。",
        "repeat": "请您再说一遍想咨询的问题，我会尽力解答。",
        "abuse": "很抱歉让您不愉快。请告诉我遇到的问题，我会尽力帮您，也可以为您转接人工客服。",
    },
    refuse={
        "injection": "这个我做不到。如果您有产品或服务方面的问题，我很乐意帮忙。",
        "off_topic": "这个问题不在我的服务范围内。如果您有产品或服务方面的问题，我很乐意帮忙。",
    },
    handoff={
        Reason.CUSTOMER_REQUEST: "好的，正在为您转接人工客服。",
        Reason.COMPLAINT: "非常抱歉给您带来不好的体验，我马上为您转接人工客服处理。",
        Reason.SAFETY: "您的安全最重要：如有紧急危险，请立即联系当地急救或消防。我马上为您转接人工客服。",
        Reason.RESTRICTED_TOPIC: "这个问题需要人工客服来处理，正在为您转接。",
        Reason.TOOL_FAILURE: "抱歉，系统暂时无法回答，正在为您转接人工客服。",
    },
    offer="抱歉，我可能没能解决您的问题。需要为您转接人工客服吗？",
)
ENGLISH = Wording(
    clarify="Which of these do you mean?",
    clarify_one="Is this what you mean?",
    unknown="Sorry, I couldn't find an answer to that. I can connect you with a person if you like.",
    talk={
        "greeting": "Hello! How can I help you?",
        "thanks": "You're welcome! Let me know if there is anything else.",
        "goodbye": "Goodbye, and have a good day!",
        "bot_question": "I'm an automated assistant. I answer common questions and can connect you with a person.",
        "affirm": "All right. What else can I help you with?",
        "deny": 'All right. You can put it another way, or say "talk to a person".',
        "repeat": "Please tell me once more what you would like to know.",
        "abuse": "I'm sorry this is frustrating. Tell me what went wrong and I'll do my best, or get you a person.",
    },
    refuse={
        "injection": "I can't do that. I'm happy to help with questions about our products and services.",
        "off_topic": "That's outside what I can help with. I'm happy to answer questions about our products.",
    },
    handoff={
        Reason.CUSTOMER_REQUEST: "Sure, I'm connecting you with a person.",
        Reason.COMPLAINT: "I'm very sorry about this. I'm connecting you with a person who can sort it out.",
        Reason.SAFETY: "Your safety comes first: in an emergency, call your local emergency number now. "
        "I'm connecting you with a person.",
        Reason.RESTRICTED_TOPIC: "A person needs to look at this. I'm connecting you.",
        Reason.TOOL_FAILURE: "Sorry, I can't answer right now. I'm connecting you with a person.",
    },
    offer="I may not have the right answer. Would you like to talk to a person?",
)


def wording(language: Language) -> Wording:
    """Give the wording for a visitor's language; whoever writes Chinese, also mixed, reads Chinese."""
    return CHINESE if language in (Language.ZH, Language.MIXED) else ENGLISH


def say(decision: Decision, entries: Mapping[str, Entry], language: Language) -> str:
    """Word a decision without a generator: an answer is the entry's, to the letter, but for what no page may show."""
    words = wording(language)
    match decision:
        case Answer(entry_id=entry_id):
            return shown(entries[entry_id].answer)
        case Clarify(entry_ids=entry_ids):
            return words.clarify if len(entry_ids) > 1 else words.clarify_one
        case SmallTalk(talk=talk):
            return words.talk[talk]
        case Unknown():
            return words.unknown
        case Refuse(why=why):
            return words.refuse[why]
        case Handoff(reason=reason, confirm=confirm):
            return words.offer if confirm else words.handoff[reason]


@lru_cache(maxsize=4096)
def shown(markdown: str) -> str:
    """Give a text as a page may render it: entries were cleaned at ingest, but bases live longer than rules."""
    return safe_markdown(markdown)


def choices(decision: Decision, entries: Mapping[str, Entry]) -> tuple[Choice, ...]:
    """Give the buttons of a decision."""
    if not isinstance(decision, Clarify):
        return ()
    return tuple(Choice(entry_id=entry_id, question=entries[entry_id].question) for entry_id in decision.entry_ids)


def citations(decision: Decision) -> tuple[str, ...]:
    """Give the entries that a reply rests on."""
    return (decision.entry_id,) if isinstance(decision, Answer) else ()

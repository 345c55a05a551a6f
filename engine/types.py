"""The values of one turn, in the order in which they come to exist: Turn, Evidence, Decision, Outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from knowledge.types import ANY, Filter
from models.protocols import Edit, IntentGuess, Language, SentimentGuess


class Reason(StrEnum):
    """Why a conversation should go to a person."""

    CUSTOMER_REQUEST = "customer_request"
    COMPLAINT = "complaint"  # a complaint or the threat of one, of the law or of the press; "the fourth time I ask"
    SAFETY = "safety"  # danger or injury
    RESTRICTED_TOPIC = "restricted_topic"
    TOOL_FAILURE = "tool_failure"
    LOW_CONFIDENCE = "low_confidence"
    REPEATED_FAILURE = "repeated_failure"
    NEGATIVE_SENTIMENT = "negative_sentiment"
    NEGATIVE_FEEDBACK = "negative_feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An earlier turn of the same episode, as follow-ups need it."""

    text: str  # what the visitor wrote
    question: str  # the same after spelling and follow-ups were resolved; what was searched for
    decision: str  # the decision's name: "answer", "clarify", ...
    entry_ids: tuple[str, ...] = ()  # answered from, or offered as choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a visitor says at once, with what is needed to understand it."""

    text: str
    workspace: str = "default"
    kb: str = "default"
    conversation: str = ""  # for receipts and logs; the engine keeps no state by it
    history: tuple[Exchange, ...] = ()  # the episode's last exchanges, oldest first
    where: Filter = ANY
    at: datetime | None = None  # aware; the time that validity dates are held against, default now
    chosen: str = ""  # the entry whose button was pressed, where the turn is one of the choices offered before


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry that may answer, with the score of each stage."""

    entry_id: str
    passage_id: int  # the passage that matched best
    score: float  # fused; orders the candidates, comparable within one query only
    stages: Mapping[str, float]  # "dense", "lexical", ... as the retriever names them


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """What a search found for one query."""

    candidates: tuple[Candidate, ...]  # best first, one an entry
    confidence: float  # calibrated probability in [0, 1] that the first candidate answers the query
    answerable: float = 0.0  # grows with how likely it is that any entry answers; comparable within one base


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was found out about a text; depends on the text and the versions alone, so it may be cached."""

    text: str  # as it was understood and searched for: corrected, follow-ups resolved
    language: Language
    edits: tuple[Edit, ...]
    sentiment: SentimentGuess
    talk: IntentGuess  # the conversational intent; OUT_OF_SCOPE for an ordinary question
    intent: IntentGuess | None  # of the company's own intents, or the category of what was found
    retrieved: Retrieved
    stage_ms: Mapping[str, float]  # time per stage
    degraded: tuple[str, ...] = ()  # stages that were skipped or failed: "dense", "lexical", ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Say what the entry says."""

    entry_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarify:
    """Ask which of these was meant."""

    entry_ids: tuple[str, ...]  # 1 to 3, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallTalk:
    """Answer a greeting, thanks, a goodbye and the like."""

    talk: str  # the conversational intent's label


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Admit that nothing was found, and offer a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Decline: an attempt to steer the engine, or a subject that is none of the company's."""

    why: str  # "injection" | "off_topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """Pass the conversation to a person."""

    reason: Reason
    confirm: bool  # offer first, the visitor decides


Decision = Answer | Clarify | SmallTalk | Unknown | Refuse | Handoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button: what the visitor would be asking."""

    entry_id: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Why a turn got what it got; with the same text and versions it comes out the same again."""

    text: str  # as the visitor wrote it
    understood: str  # as it was searched for
    decision: str
    reason: str  # one clause a support lead can read
    language: Language
    confidence: float
    candidates: tuple[Candidate, ...]
    thresholds: Mapping[str, float]
    versions: Mapping[str, str]  # knowledge base, encoder, heads, engine
    stage_ms: Mapping[str, float]
    cached: bool
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the visitor gets."""

    decision: Decision
    text: str  # Markdown, in the visitor's language
    citations: tuple[str, ...]  # entry ids
    choices: tuple[Choice, ...] = ()
    receipt: Receipt
    exchange: Exchange  # to be handed back in the next turn's history
    evidence: Evidence  # what was understood and found

    @property
    def reason(self) -> str:
        """Why, in a word where there is one: the reason of a handoff or refusal, the kind of small talk."""
        match self.decision:
            case Handoff(reason=reason):
                return reason.value
            case Refuse(why=word) | SmallTalk(talk=word):
                return word
            case Answer() | Clarify() | Unknown():
                return self.receipt.reason

    @property
    def top_ids(self) -> tuple[str, ...]:
        """Entries in rank order; what was answered from or offered comes first."""
        found = (candidate.entry_id for candidate in self.receipt.candidates)
        return tuple(dict.fromkeys((*self.exchange.entry_ids, *found)))

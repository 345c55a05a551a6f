"""The bot's side: a visitor's turn to the dialog engine, its outcome to what is logged. Never an exception."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from engine import replies
from engine.engine import DialogEngine, name_of
from engine.errors import EngineError
from engine.types import Answer, Clarify, Handoff, Outcome, Reason, Receipt, Turn, Unknown
from knowledge.errors import KnowledgeError
from models.language import detect
from server.conversations.events import Choice, Replied, Source, Understood

log = logging.getLogger(__name__)

_CANDIDATES = 5  # that a receipt keeps: as many as agents are shown; all of them took half of the log
_DECIMALS = 4

_ONLY_FILES = {
    "zh": "文件已收到。我看不了图片和文件的内容，请用文字说说您的问题；也可以转人工，客服能看到这些文件。",
    "en": "Thank you, the file has arrived. I cannot look into pictures and documents: please tell me in words what "
    "it is about, or ask for a person, who will see it.",
}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot says to a turn, and what it understood; nothing, if it could not try."""

    said: Replied
    understood: Understood | None = None

    @property
    def hesitates(self) -> bool:
        """Whether the visitor should be given the time to say more before this is said."""
        return self.said.decision in ("clarify", "unknown")


class Bot(Protocol):
    """Answers turns."""

    async def reply(self, turn: Turn, on_text: Callable[[str], None]) -> Reply:
        """Answer one turn; what fails becomes a handoff. Cancelling is safe."""


class EngineBot:
    """The dialog engine as a bot."""

    def __init__(self, engine: DialogEngine) -> None:
        self._engine = engine

    async def reply(self, turn: Turn, on_text: Callable[[str], None]) -> Reply:
        """Answer one turn."""
        try:
            outcome = await self._engine.reply(turn, on_text)
        except (EngineError, KnowledgeError) as error:
            log.warning("a turn of %s goes to a person: %s", turn.conversation, error)
            return Reply(said=_failure(turn))
        return Reply(said=self._said(turn, outcome), understood=_understood(outcome))

    def _said(self, turn: Turn, outcome: Outcome) -> Replied:
        cited = (self._engine.entry(turn.workspace, turn.kb, entry_id) for entry_id in outcome.citations)
        return Replied(
            text=outcome.text,
            decision=name_of(outcome.decision),
            reason=outcome.reason if not isinstance(outcome.decision, Answer | Clarify | Unknown) else "",
            sources=tuple(Source(entry_id=entry.id, title=entry.question) for entry in cited if entry is not None),
            choices=tuple(Choice(entry_id=choice.entry_id, label=choice.question) for choice in outcome.choices),
        )


def only_files(language: str) -> Reply:
    """Answer a turn in which nothing was written: files are for people, the engine reads none."""
    chinese = language.startswith("zh")
    return Reply(said=Replied(text=_ONLY_FILES["zh" if chinese else "en"], decision="unknown"))


def _failure(turn: Turn) -> Replied:
    decision = Handoff(reason=Reason.TOOL_FAILURE, confirm=False)
    return Replied(
        text=replies.say(decision, {}, detect(turn.text)), decision=name_of(decision), reason=decision.reason.value
    )


def _understood(outcome: Outcome) -> Understood:
    evidence, receipt = outcome.evidence, outcome.receipt
    return Understood(
        decision=receipt.decision,
        text=outcome.exchange.text,
        question=outcome.exchange.question,
        language=evidence.language.value,
        edits=tuple((edit.wrong, edit.right) for edit in evidence.edits),
        sentiment=evidence.sentiment.label.value,
        sentiment_score=round(evidence.sentiment.score, 4),
        intent=evidence.intent.label if evidence.intent is not None else "",
        talk=evidence.talk.label,
        entry_ids=outcome.exchange.entry_ids,
        receipt=_plain(receipt),
    )


def _plain(receipt: Receipt) -> Mapping[str, Any]:
    """Give a receipt as plain values, in a thousand bytes; its texts stand in the event already."""
    return {
        "reason": receipt.reason,
        "confidence": receipt.confidence,
        "candidates": [
            {
                "entry_id": each.entry_id,
                "passage_id": each.passage_id,
                "score": round(each.score, _DECIMALS),
                "stages": {stage: round(score, _DECIMALS) for stage, score in each.stages.items()},
            }
            for each in receipt.candidates[:_CANDIDATES]
        ],
        "thresholds": dict(receipt.thresholds),
        "versions": dict(receipt.versions),
        "stage_ms": {stage: round(ms, _DECIMALS) for stage, ms in receipt.stage_ms.items()},
        "cached": receipt.cached,
        "degraded": list(receipt.degraded),
    }

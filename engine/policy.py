"""What to do with a turn: a pure function of turn, evidence and thresholds. The order of the rules is the policy.

Who asks for a person gets one; danger and complaints go to a person; then knowledge; then small talk; and what is left
is admitted. A wrong answer is worse than a question back.
"""

from dataclasses import dataclass

from engine.types import (
    Answer,
    Clarify,
    Decision,
    Evidence,
    Exchange,
    Handoff,
    Reason,
    Refuse,
    SmallTalk,
    Turn,
    Unknown,
)
from models.protocols import OUT_OF_SCOPE, Sentiment

# Conversational intents that go to a person on the first message, and why. A stated repeated failure ("the fourth
# time I ask") is a complaint.
TO_A_PERSON = {
    "safety": Reason.SAFETY,
    "human": Reason.CUSTOMER_REQUEST,
    "complaint": Reason.COMPLAINT,
    "repeated_failure": Reason.COMPLAINT,
}
SMALL_TALK = frozenset({"greeting", "thanks", "goodbye", "bot_question", "affirm", "deny", "repeat", "abuse"})
MAX_CHOICES = 3
_FAILED = frozenset({"clarify", "unknown"})
_STRONGLY_NEGATIVE = -0.8  # sentiment score below which an unanswered visitor is offered a person at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Probabilities, calibrated at publish for one knowledge base and encoder."""

    answer_at: float  # from here on the first candidate is the answer
    clarify_at: float  # from here on the visitor is asked which one was meant; below, nothing was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A decision, and the rule that made it in words that a support lead can read."""

    decision: Decision
    why: str


def decide(
    turn: Turn, evidence: Evidence, thresholds: Thresholds, *, chosen: str | None = None, stuck: bool = False
) -> Ruling:
    """Decide what a visitor gets.

    Args:
        turn: what was said, and before.
        evidence: what was found out about it.
        thresholds: of the knowledge base.
        chosen: the entry that the visitor picked from a list, if any.
        stuck: the visitor says that the last answer did not help.
    """
    return (
        _by_choice(chosen)
        or _by_talk(evidence)
        or _by_consent(turn, evidence)
        or _by_repetition(turn, evidence, thresholds, stuck=stuck)
        or _by_knowledge(turn, evidence, thresholds)
        or _by_small_talk(turn, evidence)
        or _by_admission(turn, evidence, thresholds)
    )


def _by_choice(chosen: str | None) -> Ruling | None:
    if chosen is None:
        return None
    return Ruling(decision=Answer(entry_id=chosen), why="the visitor picked this entry")


def _by_talk(evidence: Evidence) -> Ruling | None:
    talk = evidence.talk.label
    if talk == "injection":
        return Ruling(decision=Refuse(why="injection"), why="an attempt to steer the assistant")
    if talk in TO_A_PERSON:
        return Ruling(decision=Handoff(reason=TO_A_PERSON[talk], confirm=False), why=f"the visitor's words: {talk}")
    return None


def _by_consent(turn: Turn, evidence: Evidence) -> Ruling | None:
    """A yes to the offer of a person."""
    last = turn.history[-1] if turn.history else None
    if evidence.talk.label != "affirm" or last is None or last.decision not in ("handoff", "unknown"):
        return None
    return Ruling(decision=Handoff(reason=Reason.CUSTOMER_REQUEST, confirm=False), why="the visitor took the offer")


def _did_not_help(last: Exchange, evidence: Evidence, thresholds: Thresholds) -> bool:
    """Whether "still not working" is about the last answer, not a question with an answer of its own."""
    if last.decision not in ("answer", "clarify", "unknown"):
        return False
    found = evidence.retrieved
    own = found.candidates and found.candidates[0].entry_id not in last.entry_ids
    return not own or found.confidence < thresholds.answer_at


def _by_repetition(turn: Turn, evidence: Evidence, thresholds: Thresholds, *, stuck: bool) -> Ruling | None:
    if not turn.history:
        return None
    if stuck and _did_not_help(turn.history[-1], evidence, thresholds):
        offered = Handoff(reason=Reason.REPEATED_FAILURE, confirm=True)
        return Ruling(decision=offered, why="the last answer did not help")
    recent = turn.history[-2:]
    if len(recent) == 2 and all(_same_question(exchange, evidence) for exchange in recent):
        offered = Handoff(reason=Reason.REPEATED_FAILURE, confirm=True)
        return Ruling(decision=offered, why="the same question for the third time")
    return None


def _by_knowledge(turn: Turn, evidence: Evidence, thresholds: Thresholds) -> Ruling | None:
    found = evidence.retrieved
    if not found.candidates or found.confidence < thresholds.answer_at:
        return None
    if evidence.talk.label in SMALL_TALK and evidence.talk.confidence > found.confidence:
        return None
    return Ruling(
        decision=Answer(entry_id=found.candidates[0].entry_id),
        why=f"confidence {found.confidence:.2f} is at least {thresholds.answer_at:.2f}",
    )


def _by_small_talk(turn: Turn, evidence: Evidence) -> Ruling | None:
    talk = evidence.talk.label
    if talk not in SMALL_TALK:
        return None
    last = turn.history[-1] if turn.history else None
    if talk == "repeat" and last is not None and last.decision == "answer" and last.entry_ids:
        return Ruling(decision=Answer(entry_id=last.entry_ids[0]), why="the visitor asked to hear it again")
    if talk == "affirm" and last is not None and last.decision == "clarify" and len(last.entry_ids) == 1:
        return Ruling(decision=Answer(entry_id=last.entry_ids[0]), why="the visitor said yes to the only choice")
    return Ruling(decision=SmallTalk(talk=talk), why=f"small talk: {talk}")


def _by_admission(turn: Turn, evidence: Evidence, thresholds: Thresholds) -> Ruling:
    found = evidence.retrieved
    unsure = f"confidence {found.confidence:.2f} is below {thresholds.answer_at:.2f}"
    if _failures_in_a_row(turn) >= 2:
        return Ruling(decision=Handoff(reason=Reason.LOW_CONFIDENCE, confirm=True), why=f"the third time {unsure}")
    if evidence.talk.label == "off_topic" and found.confidence < thresholds.answer_at:
        return Ruling(decision=Refuse(why="off_topic"), why="none of the company's business")
    if found.candidates and found.confidence >= thresholds.clarify_at:
        choices = tuple(candidate.entry_id for candidate in found.candidates[:MAX_CHOICES])
        return Ruling(decision=Clarify(entry_ids=choices), why=unsure)
    upset = evidence.sentiment.label is Sentiment.NEGATIVE and evidence.sentiment.score < _STRONGLY_NEGATIVE
    if upset and _failures_in_a_row(turn) >= 1:
        return Ruling(decision=Handoff(reason=Reason.NEGATIVE_SENTIMENT, confirm=True), why="unanswered and upset")
    return Ruling(decision=Unknown(), why=f"confidence {found.confidence:.2f} is below {thresholds.clarify_at:.2f}")


def _failures_in_a_row(turn: Turn) -> int:
    count = 0
    for exchange in reversed(turn.history):
        if exchange.decision not in _FAILED:
            break
        count += 1
    return count


def _same_question(exchange: Exchange, evidence: Evidence) -> bool:
    if evidence.talk.label != OUT_OF_SCOPE or exchange.decision not in ("answer", "clarify", "unknown"):
        return False
    top = evidence.retrieved.candidates[:1]
    return bool(top) and exchange.entry_ids[:1] == (top[0].entry_id,) and exchange.question == evidence.text

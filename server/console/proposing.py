"""What the bot would answer while a person has the conversation: proposed to that person, told to nobody else.

It is thought out when the person's page asks for it, which it does while the conversation is open. Nothing of it is
stored: neither the conversation nor the list of questions asked in vain knows of it.
"""

from collections.abc import Sequence

import msgspec

from engine.types import Answer, Outcome, SmallTalk, Turn
from knowledge.errors import KnowledgeBaseNotFound, NothingPublished
from server.console.finding import earlier_turns, key_of
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply
from server.console.parts import ADVICE
from server.conversations.events import Event, Replied, Spoke
from server.conversations.state import VISITOR, Head
from server.handoff.states import WITH_AGENT
from server.parts import DESK, ENGINE, LOG
from server.staff.permissions import Permission

_LOOKED_AT = 30  # public events among which the visitor's last words are
_MAX_CHARS = 2_000


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the agent may take, change or leave; all empty where there is none."""

    about: int = 0  # the public number of the visitor's message that it answers
    text: str = ""  # Markdown
    entry_id: str = ""
    question: str = ""  # of the entry
    source: str = ""  # where the entry was read from
    score: float = 0.0  # probability that it is the answer
    decision: str = ""  # what the bot would have done


async def propose(call: ConsoleCall) -> ConsoleReply:
    """Tell the agent who has the conversation what the bot would answer to the visitor's last words."""
    key = key_of(call.workspace, call.path("conversation"))
    head = await call.app[DESK].case_head(call.agent, key)
    if head.handling.agent != call.agent.id or head.handling.state not in WITH_AGENT:
        return ConsoleReply(body=Proposal())
    about, text = asked_last(await call.app[LOG].events(*key, limit=_LOOKED_AT, newest=True))
    if not about:
        return ConsoleReply(body=Proposal())
    turn = Turn(text=text, workspace=head.workspace, kb=head.kb, history=await earlier_turns(call, head))
    try:
        outcome = await call.app[ADVICE].on(turn)
        return ConsoleReply(body=_proposal(call, head, about, outcome))
    except (KnowledgeBaseNotFound, NothingPublished):
        return ConsoleReply(body=Proposal())  # no base, no proposal


def asked_last(events: Sequence[Event]) -> tuple[int, str]:
    """Give what the visitor said since anybody answered, and the number of its last event; (0, "") for nothing.

    Args:
        events: public ones, in their order.
    """
    about, said = 0, list[str]()
    for event in reversed(events):
        if isinstance(event.body, Replied) or (isinstance(event.body, Spoke) and event.author != VISITOR):
            break
        if isinstance(event.body, Spoke) and event.body.text:
            about = about or event.seq
            said.append(event.body.text)
    return about, "\n".join(reversed(said))[-_MAX_CHARS:]


def best_entry(outcome: Outcome) -> str:
    """Give the entry to propose: the answer, or what the bot would at least have asked about; "" for none."""
    receipt = outcome.receipt
    match outcome.decision:
        case Answer(entry_id=entry_id):
            return entry_id
        case SmallTalk():
            return ""
        case _ if receipt.candidates and receipt.confidence >= receipt.thresholds["clarify_at"]:
            return receipt.candidates[0].entry_id
        case _:
            return ""


def _proposal(call: ConsoleCall, head: Head, about: int, outcome: Outcome) -> Proposal:
    entry_id = best_entry(outcome)
    entry = call.app[ENGINE].entry(head.workspace, head.kb, entry_id) if entry_id else None
    if entry is None:
        return Proposal()
    return Proposal(
        about=about,
        text=outcome.text if isinstance(outcome.decision, Answer) else entry.answer,
        entry_id=entry.id,
        question=entry.question,
        source=f"{entry.sources[0].file}, {entry.sources[0].place}" if entry.sources else "",
        score=round(float(outcome.receipt.confidence), 4),
        decision=outcome.receipt.decision,
    )


OPERATIONS = (
    ConsoleOperation(
        method="GET", path="cases/{conversation}/proposal", permission=Permission.WORK, handler=propose
    ),
)  # fmt: skip

"""What agents did and saw, what the log holds at the end, and whether the two fit. Visitors': `tests.soak.history`.

The queue and the agents' loads are read from the log alone: what rang for whom, who took it, and when that ended.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from server.conversations.events import Audience, Event, Spoke, in_order
from server.conversations.state import AGENT
from server.handoff.outcomes import Step
from server.handoff.states import Handling, Moved, State, Status
from server.handoff.wording import Told
from server.ids import to_text
from server.wire.agent_frames import AgentEvent
from tests.soak.history import Log, Logged


class _Deed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    agent: str  # its id
    at: float = 0.0  # seconds since the start


class Asked(_Deed, frozen=True):
    """Invoked: an agent says something or does something with a conversation."""

    client_msg_id: str
    conversation: str
    verb: str  # "say", or of the frame `desk`
    text: str = ""


class Done(_Deed, frozen=True):
    """Ok: it is on disk, the server says."""

    client_msg_id: str
    seq: int
    epoch: int


class Denied(_Deed, frozen=True):
    """Failed: it is not done."""

    client_msg_id: str
    code: str


class Followed(_Deed, frozen=True):
    """Ok: what happened so far in a conversation."""

    conversation: str
    last_seq: int
    last_internal: int
    events: tuple[AgentEvent, ...]


class Noticed(_Deed, frozen=True):
    """An event was shown as it happened."""

    event: AgentEvent


class Unfollowed(_Deed, frozen=True):
    """The agent looks at it no more."""

    conversation: str


class Stayed(_Deed, frozen=True):
    """The agent followed it to the end, and was given the time to be shown everything."""

    conversation: str


Deed = Asked | Done | Denied | Followed | Noticed | Unfollowed | Stayed


class Wrong(StrEnum):
    """The promises to agents."""

    LOST = "what an agent said and was acknowledged is not in the log, or elsewhere in it"
    UNSAID = "the log holds a line that no agent said"
    REFUSED = "what was refused to an agent is in the log"
    HOLE = "an agent was not shown each event once and in order"
    DISAGREE = "an agent was shown something else than the log holds"
    MISSED = "an agent was not shown the last events"
    OVERTAKEN = "somebody behind in the queue was served first"
    FULL = "an agent took one more than there is room for"
    TWO_OWNERS = "two agents had a conversation at once"
    UNTOLD = "the visitor was not told that an agent took it"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was broken, and where."""

    promise: Wrong
    where: str  # the conversation or agent
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.promise.value}: {self.what}"


def check_desk(
    deeds: Sequence[Deed], log: Log, capacities: Mapping[str, int], *, blur_ms: int = 500
) -> list[Fault]:  # fmt: skip
    """Hold what agents did and saw and the log against each other; nothing is found where all promises were kept.

    Args:
        deeds: of all agents, in the order in which they happened.
        log: all conversations, read after the last thing was done.
        capacities: of the agents, by id. All of them take whatever waits in their department.
        blur_ms: rings that are decided upon together are stored one after the other, and a conversation is back in the
            queue when that is stored: within so much time the order is not looked at.
    """
    return [
        *_lines(deeds, log),
        *_readers(deeds, log),
        *_overtaken(log, blur_ms),
        *_overfull(log, capacities),
        *(found for name, logged in log.items() for found in _owners(name, logged)),
        *_accepted(deeds, log),
    ]


# -- what was said and done


def _lines(deeds: Sequence[Deed], log: Log) -> Iterator[Fault]:
    stored: dict[tuple[str, str], tuple[str, Event]] = {}
    for name, logged in log.items():
        for event in (*logged.public, *logged.internal):
            if event.author.startswith(AGENT) and event.client_msg_id:
                stored[event.author.removeprefix(AGENT), event.client_msg_id] = (name, event)
    asked = {(deed.agent, deed.client_msg_id): deed for deed in deeds if isinstance(deed, Asked)}
    for deed in deeds:
        if isinstance(deed, Done | Denied):
            key = (deed.agent, deed.client_msg_id)
            yield from _kept(deed, asked[key], stored.get(key))
    for (agent, message), (name, event) in stored.items():
        said = asked.get((agent, message))
        text = event.body.text if isinstance(event.body, Spoke) else ""
        if said is None or said.conversation != name or (isinstance(event.body, Spoke) and said.text != text):
            yield Fault(promise=Wrong.UNSAID, where=name, what=f"{agent}, {message}: {text!r}")


def _kept(deed: Done | Denied, asked: Asked, stored: tuple[str, Event] | None) -> Iterator[Fault]:
    what = f"{asked.verb} {deed.client_msg_id} in {asked.conversation}"
    if isinstance(deed, Denied):
        if stored is not None:
            yield Fault(promise=Wrong.REFUSED, where=deed.agent, what=f"{what}, {deed.code}")
    elif stored is None and asked.verb != "say" and deed.seq == 0:
        pass  # it was so already: nothing was to be done
    elif stored is None or (stored[0], stored[1].seq) != (asked.conversation, deed.seq):
        yield Fault(promise=Wrong.LOST, where=deed.agent, what=f"{what}, acknowledged as {deed.seq}")


# -- what was seen


def _readers(deeds: Sequence[Deed], log: Log) -> Iterator[Fault]:
    """Of a conversation that an agent follows, each event of both audiences is shown once and in order."""
    logged = {
        name: {(event.audience, event.seq): event for event in (*each.public, *each.internal)}
        for name, each in log.items()
    }
    last: dict[tuple[str, str], dict[Audience, int]] = {}
    for deed in deeds:
        match deed:
            case Followed(agent=agent, conversation=name):
                last[agent, name] = {Audience.PUBLIC: deed.last_seq, Audience.INTERNAL: deed.last_internal}
                yield from _consecutive(agent, deed.events, last[agent, name])
                yield from _as_logged(agent, deed.events, logged[name])
            case Unfollowed(agent=agent, conversation=name):
                last.pop((agent, name), None)
            case Noticed(agent=agent, event=event):
                shown, audience = last.get((agent, event.conversation)), _audience(event)
                if shown is None or event.seq != shown[audience] + 1:
                    what = f"{audience.value} {event.seq} after {shown and shown[audience]} of {event.conversation}"
                    yield Fault(promise=Wrong.HOLE, where=agent, what=what)
                if shown is not None:
                    shown[audience] = event.seq
                yield from _as_logged(agent, [event], logged[event.conversation])
            case Stayed(agent=agent, conversation=name):
                newest = {audience: 0 for audience in Audience}
                for audience, seq in logged[name]:
                    newest[audience] = max(newest[audience], seq)
                if last.get((agent, name)) != newest:
                    what = f"{last.get((agent, name))} of {newest} in {name}"
                    yield Fault(promise=Wrong.MISSED, where=agent, what=what)
            case _:
                pass


def _audience(event: AgentEvent) -> Audience:
    return Audience.INTERNAL if event.audience == Audience.INTERNAL.value else Audience.PUBLIC


def _consecutive(agent: str, events: Sequence[AgentEvent], last: Mapping[Audience, int]) -> Iterator[Fault]:
    for audience, newest in last.items():
        numbers = [event.seq for event in events if _audience(event) is audience]
        if numbers != list(range(newest - len(numbers) + 1, newest + 1)):
            yield Fault(promise=Wrong.HOLE, where=agent, what=f"{audience.value} {numbers} up to {newest}")


def _as_logged(
    agent: str, shown: Sequence[AgentEvent], logged: Mapping[tuple[Audience, int], Event]
) -> Iterator[Fault]:  # fmt: skip
    for frame in shown:
        event = logged.get((_audience(frame), frame.seq))
        if event is None or (frame.id, frame.author, frame.kind, frame.at) != (
            to_text(event.id), event.author, event.kind, event.at,
        ) or (isinstance(event.body, Spoke) and frame.text != event.body.text):  # fmt: skip
            yield Fault(promise=Wrong.DISAGREE, where=agent, what=f"{frame}; the log holds {event}")


# -- the queue


class _Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that waits to be offered."""

    name: str
    since: int
    until: int
    handling: Handling
    rang_for: str = ""  # that ended the wait

    @property
    def kind(self) -> object:
        """Who of the staff may take it."""
        return self.handling.department, self.handling.skills

    @property
    def place(self) -> object:
        """What says when it is served."""
        return self.kind, self.handling.order, self.handling.declined


def _overtaken(log: Log, blur_ms: int) -> Iterator[Fault]:
    """An agent is offered the first in the queue of those that the agent did not decline."""
    by_kind: dict[object, list[_Wait]] = defaultdict(list)
    for name, logged in log.items():
        for wait in _waits(name, logged):
            by_kind[wait.kind].append(wait)
    for waits in by_kind.values():
        waits.sort(key=lambda wait: wait.since)
        begun = [wait.since for wait in waits]
        for served in waits:
            if not served.rang_for:
                continue
            for other in waits[: bisect_right(begun, served.until - blur_ms)]:
                if (
                    other.until > served.until + blur_ms
                    and other.handling.order < served.handling.order
                    and served.rang_for not in other.handling.declined
                ):
                    what = (
                        f"{served.name} rang for {served.rang_for} at {served.until}; in the queue since {other.since}"
                    )
                    yield Fault(promise=Wrong.OVERTAKEN, where=other.name, what=what)
                    break


def _waits(name: str, logged: Logged) -> Iterator[_Wait]:
    """Give the spans in which it waited at one place."""
    waits: _Wait | None = None
    for at, moved in _moves(logged):
        if waits is not None and not (
            moved.to_state is State.QUEUED and replace(waits, handling=moved.handling).place == waits.place
        ):
            rang_for = moved.handling.offered_to if moved.transition == Step.RANG else ""
            yield replace(waits, until=at, rang_for=rang_for)
            waits = None
        if waits is None and moved.to_state is State.QUEUED:
            waits = _Wait(name=name, since=at, until=1 << 62, handling=moved.handling)
    if waits is not None:
        yield waits


def _moves(logged: Logged) -> list[tuple[int, Moved]]:
    return [(event.at, event.body) for event in logged.internal if isinstance(event.body, Moved)]


# -- who has what


def _overfull(log: Log, capacities: Mapping[str, int]) -> Iterator[Fault]:
    """Nobody has more than the capacity when one is added; places are freed before they are taken again."""
    changes: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for name, logged in log.items():
        held: tuple[str, ...] = ()
        for at, moved in _moves(logged):
            holds = moved.handling.holds_slot_of
            for agent in {*held} - {*holds}:
                changes[agent].append((at, -1, name))
            for agent in {*holds} - {*held}:
                changes[agent].append((at, 1, name))
            held = holds
    for agent, steps in changes.items():
        load = 0
        for at, step, name in sorted(steps):
            load += step
            if step > 0 and load > capacities[agent]:
                yield Fault(promise=Wrong.FULL, where=agent, what=f"{name} at {at} is number {load}")


def _owners(name: str, logged: Logged) -> Iterator[Fault]:
    """An epoch has one owner, who alone speaks for the company; who takes it is announced before anything else."""
    handling, takes = Handling(), ""
    for event in in_order([*logged.public, *logged.internal]):
        body = event.body
        if event.audience is Audience.PUBLIC and takes:
            if not (isinstance(body, Status) and body.code in (Told.JOINED, Told.TOOK_OVER)):
                yield Fault(promise=Wrong.UNTOLD, where=name, what=f"{takes} took it before {event.seq}, {event.kind}")
            takes = ""
        if isinstance(body, Moved):
            if body.handling.owner != handling.owner and body.handling.epoch <= handling.epoch:
                what = f"{handling.owner} and {body.handling.owner} in epoch {handling.epoch}"
                yield Fault(promise=Wrong.TWO_OWNERS, where=name, what=what)
            if body.transition in (Step.ACCEPTED, Step.TRANSFER_ACCEPTED):
                takes = body.handling.agent
            handling = body.handling
        elif isinstance(body, Spoke) and event.author.startswith(AGENT) and event.author != handling.owner:
            what = f"{event.author} said {event.client_msg_id} to a visitor of {handling.owner or 'nobody'}"
            yield Fault(promise=Wrong.TWO_OWNERS, where=name, what=what)
    if takes:
        yield Fault(promise=Wrong.UNTOLD, where=name, what=f"{takes} took it")


def _accepted(deeds: Sequence[Deed], log: Log) -> Iterator[Fault]:
    """Of agents who take the same thing, one is told that it is theirs."""
    asked = {(deed.agent, deed.client_msg_id): deed for deed in deeds if isinstance(deed, Asked)}
    owners = {
        (name, event.epoch): event.body.handling.agent
        for name, logged in log.items()
        for event in logged.internal
        if isinstance(event.body, Moved)
    }
    for deed in deeds:
        if not isinstance(deed, Done):
            continue
        what = asked[deed.agent, deed.client_msg_id]
        owner = owners.get((what.conversation, deed.epoch))
        if what.verb in ("accept", "accept_transfer") and owner != deed.agent:
            told = f"epoch {deed.epoch} is {owner}'s, and was acknowledged to {deed.agent}"
            yield Fault(promise=Wrong.TWO_OWNERS, where=what.conversation, what=told)

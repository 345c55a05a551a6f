"""Honest histories: what devices of an honest server write down, made up from a seed, without a server."""

from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from server.conversations.events import Audience, Event, Opened, Replied, Spoke, Understood
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Head, opened
from server.handoff.states import Moved, State
from server.ids import to_text
from server.wire.frames import EventFrame
from server.wire.mapping import event_frame
from tests.soak.history import Acked, Hailed, Log, Logged, Record, Rested, Saw, Sent, Welcomed

ID = b"c" * 16
NAME = to_text(ID)
DEVICES = ("ann/phone", "ann/tablet")


@dataclass
class World:
    """One conversation, two devices, a bot, and now and then a person."""

    random: Random
    records: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    has: dict[str, int] = field(default_factory=dict)  # device -> the last number that it has
    said: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        body = Opened(kb="shop", language="en")
        self.head: Head = opened("acme", ID, "ann", body, at=1)
        self.append(SYSTEM, body)

    def append(self, author: str, body: object, **more: object) -> Event:
        self.made += 1
        drafts = Drafts(self.head, at=self.made)
        event = drafts.add(self.made.to_bytes(16, "big"), author, body, **more)
        self.head = drafts.head
        self.events.append(event)
        if event.audience is Audience.PUBLIC:
            for device in sorted(self.live):
                self.records.append(Saw(device=device, event=event_frame(event)))
                self.has[device] = event.seq
        return event

    def come(self, device: str) -> None:
        after = self.has.get(device)
        self.records.append(Hailed(device=device, conversation=NAME if after else "", after=after))
        missed = tuple(frame for frame in self.frames() if frame.seq > (after or 0))
        recovered = after is not None
        self.records.append(
            Welcomed(device=device, conversation=NAME, recovered=recovered, last_seq=self.head.seq, events=missed)
        )
        self.live.add(device)
        self.has[device] = self.head.seq

    def say(self, device: str, *, heard: bool = True) -> None:
        name, text = f"m{self.said}", f"question {self.said}"
        self.said += 1
        self.records.append(Sent(device=device, client_msg_id=name, text=text))
        event = self.append(VISITOR, Spoke(text=text), turn=self.head.turn + 1, client_msg_id=name)
        if heard:
            self.ack(device, event)
        else:  # the connection broke before the acknowledgement: it is sent again later
            self.live.discard(device)
            self.come(device)
            self.records.append(Sent(device=device, client_msg_id=name, text=text))
            self.ack(device, event)

    def ack(self, device: str, event: Event) -> None:
        self.records.append(
            Acked(device=device, client_msg_id=event.client_msg_id, seq=event.seq, id=to_text(event.id))
        )

    def reply(self) -> None:
        if self.head.waits_for_bot:
            self.append(BOT, Replied(text="because", decision="answer"))
            self.append(SYSTEM, Understood(
                decision="answer", text="", question="", language="en", edits=(), sentiment="neutral",
                sentiment_score=0.0, intent="", talk="", entry_ids=(), receipt={},
            ))  # fmt: skip

    def move(self, state: State, owner: str) -> None:
        before = self.head.handling
        after = replace(before, state=state, owner=owner, epoch=before.epoch + 1, owner_epoch=before.owner_epoch + 1)
        moved = Moved(transition="test", actor=SYSTEM, from_state=before.state, to_state=state, handling=after)
        self.append(SYSTEM, moved)

    def person(self) -> None:
        """Take over, say something, and give it back or not."""
        if self.head.owner == BOT:
            self.reply()
            self.move(State.ACTIVE, "agent:ana")
            self.append("agent:ana", Spoke(text="it is me"))
        else:
            self.move(State.BOT, BOT)

    def frames(self) -> list[EventFrame]:
        return [event_frame(event) for event in self.events if event.audience is Audience.PUBLIC]

    @property
    def log(self) -> Log:
        of = {audience: tuple(e for e in self.events if e.audience is audience) for audience in Audience}
        return {NAME: Logged(head=self.head, public=of[Audience.PUBLIC], internal=of[Audience.INTERNAL])}


def honest(seed: int, *, steps: int = 80, ends_with: str = "") -> World:
    """Give a world in which everything went well.

    Args:
        seed: decides what happens.
        steps: that are taken.
        ends_with: who answers at the end, "bot" or "agent:ana"; "" leaves it open.
    """
    random = Random(seed)
    world = World(random)
    for device in DEVICES:
        world.come(device)
    for _ in range(steps):
        device = random.choice(DEVICES)
        step = random.choices(("say", "unheard", "reply", "person", "gone"), (10, 3, 8, 2, 4))[0]
        if device not in world.live:
            world.come(device)
        elif step in ("say", "unheard"):
            world.say(device, heard=step == "say")
        elif step == "reply":
            world.reply()
        elif step == "person":
            world.person()
        else:
            world.live.discard(device)
    if ends_with and world.head.owner != ends_with:
        world.person()
    world.say(DEVICES[0], heard=DEVICES[0] in world.live)
    world.reply()
    for device in DEVICES:
        world.live.discard(device)
        world.come(device)
        world.records.append(Rested(device=device))
    return world

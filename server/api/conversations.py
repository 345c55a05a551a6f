"""Conversations: list, read, speak as the visitor of a channel, rate."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from server.access.keys import Scope
from server.api.operation import MAX_ID_CHARS, Call, Operation, Reply, Request
from server.api.paging import Limit, Slice, link_header, links
from server.api.problems import Kind, Refusal
from server.conversations import commands
from server.conversations.events import Audience, Choice, Event, File, Millis, Source
from server.conversations.events import Understood as UnderstoodBody
from server.conversations.state import Head
from server.errors import BadCommand, ConversationNotFound
from server.ids import from_text, to_text
from server.parts import CONVERSATIONS, LOG
from server.uploads.naming import MAX_FILES
from server.wire.mapping import event_frame

Seq = Annotated[int, Meta(ge=0, le=2**53)]
Identifier = Annotated[str, Meta(min_length=22, max_length=22, pattern="^[A-Za-z0-9_-]{21}[AQgw]$")]
ClientMessageId = Annotated[
    str, Meta(min_length=1, max_length=64, description="given by the program; the same one is the same message")
]


class ConversationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where a conversation stands."""

    id: str
    visitor: str
    kb: str
    language: str
    owner: str  # who answers: "bot", or an agent
    turns: int  # of the visitor's
    last_seq: int  # of the last public event
    opened_at: Millis
    last_at: Millis


class ConversationList(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations, the one with the newest event first."""

    items: tuple[ConversationFacts, ...]
    total: int
    limit: int
    offset: int


class EventFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened in a conversation. Fields that say nothing are left out."""

    seq: int  # from 1, without gaps within its audience
    id: str
    kind: str  # "opened", "spoke", "acted", "replied", "understood"
    audience: Audience
    author: str  # "visitor", "bot", "system", "agent:…"
    at: Millis
    epoch: int
    turn: int
    name: str = ""  # of the agent who wrote it
    status: str = ""  # what the system tells, in a word
    values: dict[str, str] = {}  # of a status: name, position, minutes, ...
    text: str = ""
    decision: str = ""
    reason: str = ""
    files: tuple[File, ...] = ()
    sources: tuple[Source, ...] = ()
    choices: tuple[Choice, ...] = ()
    action: str = ""
    value: str = ""
    about: str = ""
    client_msg_id: str = ""
    understood: UnderstoodBody | None = None
    erased: bool = False


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in their order, and whether there are others around them."""

    items: tuple[EventFacts, ...]
    more_before: bool
    more_after: bool


class ConversationFilter(Slice, frozen=True):
    """Which conversations."""

    visitor: Annotated[str, Meta(max_length=200, description="only this visitor's")] = ""


class EventRange(Request, frozen=True):
    """Which events: those after a number, those before one, else the newest."""

    after: Annotated[Seq, Meta(description="only events with a greater number, the first of them")] = 0
    before: Annotated[Seq, Meta(description="only events with a smaller number, the last of them; 0: all")] = 0
    audience: Annotated[Audience, Meta(description="internal: what was understood of each turn")] = Audience.PUBLIC
    limit: Limit = 50


class NewMessage(Request, frozen=True):
    """What the visitor said, in the words of a channel integration."""

    client_msg_id: ClientMessageId
    text: Annotated[str, Meta(max_length=commands.MAX_TEXT_CHARS, description="may be empty where there are files")]
    files: Annotated[
        tuple[Identifier, ...], Meta(max_length=MAX_FILES, description="ids of uploads of this conversation")
    ] = ()


class ChoicePressed(Request, frozen=True):
    """The button of a choice that a reply offered."""

    client_msg_id: ClientMessageId
    entry_id: Annotated[str, Meta(min_length=1, max_length=200, description="of the `choices` offered last")]
    about: Annotated[Identifier, Meta(description="the event that is the reply")]


class PersonWanted(Request, frozen=True):
    """The button "talk to a person"."""

    client_msg_id: ClientMessageId


class Feedback(Request, frozen=True):
    """A thumb for a reply."""

    client_msg_id: ClientMessageId
    up: bool
    about: Annotated[Identifier, Meta(description="the event that is the reply")]


class StoredFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The event that it became; it is on disk."""

    client_msg_id: str
    seq: int
    id: str
    at: Millis


async def show_list(call: Call) -> Reply:
    """List conversations."""
    wanted = call.query(ConversationFilter)
    page = await call.app[LOG].conversations(
        call.workspace, visitor=wanted.visitor or None, offset=wanted.offset, limit=wanted.limit
    )
    found = ConversationList(
        items=tuple(map(facts_of, page.items)), total=page.total, limit=wanted.limit, offset=wanted.offset
    )
    return Reply(body=found, headers=links(call.request, wanted, page.total))


async def show(call: Call) -> Reply:
    """Show where a conversation stands."""
    return Reply(body=facts_of(await _head(call)))


async def show_events(call: Call) -> Reply:
    """Show a part of a conversation."""
    wanted, head = call.query(EventRange), await _head(call)
    events = await call.app[LOG].events(
        head.workspace,
        head.conversation,
        audience=wanted.audience,
        after=wanted.after,
        before=wanted.before or None,
        limit=wanted.limit,
        newest=not wanted.after,
    )
    last = head.seq if wanted.audience is Audience.PUBLIC else head.internal_seq
    page = EventPage(
        items=tuple(map(event_facts, events)),
        more_before=bool(events) and events[0].seq > 1,
        more_after=bool(events) and events[-1].seq < last,
    )
    relations: dict[str, dict[str, int]] = {}
    if page.more_before:
        relations["prev"] = {"limit": wanted.limit, "before": events[0].seq}
    if page.more_after:
        relations["next"] = {"limit": wanted.limit, "after": events[-1].seq}
    return Reply(body=page, headers=link_header(call.request, relations))


async def say(call: Call) -> Reply:
    """Take what the visitor said; the bot answers as it does everywhere."""
    wanted = call.body(NewMessage)
    text = wanted.text if wanted.text.strip() else ""
    if not (text or wanted.files) or "\0" in text:
        raise Refusal(Kind.INVALID, "a message has a text or files.", field="text")
    files = await _files(call, wanted.files)
    return await _submit(call, commands.Say(client_msg_id=wanted.client_msg_id, text=text, files=files))


async def _files(call: Call, identifiers: Sequence[str]) -> tuple[File, ...]:
    try:
        return await call.app[CONVERSATIONS].files((call.workspace, conversation_id(call)), identifiers)
    except BadCommand as error:
        raise Refusal(Kind.INVALID, str(error), field="files") from error


async def choose(call: Call) -> Reply:
    """Take a choice; it is answered like what was said."""
    wanted = call.body(ChoicePressed)
    about = from_text(wanted.about)
    return await _submit(
        call, commands.Choose(client_msg_id=wanted.client_msg_id, entry_id=wanted.entry_id, about=about)
    )


async def ask_for_person(call: Call) -> Reply:
    """Take the wish for a person."""
    return await _submit(call, commands.AskForPerson(client_msg_id=call.body(PersonWanted).client_msg_id))


async def rate(call: Call) -> Reply:
    """Take a thumb."""
    wanted = call.body(Feedback)
    about = from_text(wanted.about)
    return await _submit(call, commands.Rate(client_msg_id=wanted.client_msg_id, up=wanted.up, about=about))


async def _submit(call: Call, command: commands.Command) -> Reply:
    key = (call.workspace, conversation_id(call))
    stored = await call.app[CONVERSATIONS].submit(key, command)
    return Reply(
        body=StoredFacts(
            client_msg_id=stored.client_msg_id, seq=stored.seq, id=to_text(stored.id), at=stored.at
        )
    )  # fmt: skip


async def _head(call: Call) -> Head:
    head = await call.app[LOG].head(call.workspace, conversation_id(call))
    if head is None:
        raise ConversationNotFound("there is no such conversation.")
    return head


def conversation_id(call: Call) -> bytes:
    """Give the conversation that the path names.

    Raises:
        ConversationNotFound: it names none.
    """
    try:
        return from_text(call.path("conversation"))
    except ValueError as error:
        raise ConversationNotFound("there is no such conversation.") from error


def visitor_id(call: Call) -> str:
    """Give the visitor that the path names.

    Raises:
        Refusal: nobody is named so.
    """
    visitor = call.path("visitor")
    if len(visitor) > MAX_ID_CHARS:
        raise Refusal(Kind.NOT_FOUND, "there is no such visitor.")
    return visitor


def facts_of(head: Head) -> ConversationFacts:
    """Say where a conversation stands."""
    return ConversationFacts(
        id=to_text(head.conversation),
        visitor=head.visitor,
        kb=head.kb,
        language=head.language,
        owner=head.owner,
        turns=head.turn,
        last_seq=head.seq,
        opened_at=head.opened_at,
        last_at=head.last_at,
    )


def event_facts(event: Event) -> EventFacts:
    """Give an event as a program reads it."""
    shown = msgspec.structs.asdict(event_frame(event))
    understood = event.body if isinstance(event.body, UnderstoodBody) else None
    return EventFacts(**shown, audience=event.audience, understood=understood)


_ONE = "/v1/conversations/{conversation}"
OPERATIONS = (
    Operation(
        method="GET", path="/v1/conversations", name="listConversations", tag="Conversations", scope=Scope.READ,
        handler=show_list, query=ConversationFilter, reply=ConversationList, pages=True,
        summary="List conversations, the one with the newest event first.",
    ),
    Operation(
        method="GET", path=_ONE, name="getConversation", tag="Conversations", scope=Scope.READ, handler=show,
        reply=ConversationFacts, summary="Show where a conversation stands.",
    ),
    Operation(
        method="GET", path=f"{_ONE}/events", name="listEvents", tag="Conversations", scope=Scope.READ,
        handler=show_events, query=EventRange, reply=EventPage, pages=True,
        summary="Read a conversation, forwards or backwards.",
    ),
    Operation(
        method="POST", path=f"{_ONE}/messages", name="sendMessage", tag="Conversations", scope=Scope.WRITE,
        handler=say, body=NewMessage, reply=StoredFacts, problems=(Kind.CONFLICT,),
        summary="Say something as the visitor. It is on disk when this returns; sending it again changes nothing.",
    ),
    Operation(
        method="POST", path=f"{_ONE}/choice", name="sendChoice", tag="Conversations", scope=Scope.WRITE,
        handler=choose, body=ChoicePressed, reply=StoredFacts, problems=(Kind.CONFLICT,),
        summary="Press the button of a choice, as the visitor.",
    ),
    Operation(
        method="POST", path=f"{_ONE}/person", name="askForPerson", tag="Conversations", scope=Scope.WRITE,
        handler=ask_for_person, body=PersonWanted, reply=StoredFacts, problems=(Kind.CONFLICT,),
        summary="Ask for a person, as the visitor.",
    ),
    Operation(
        method="POST", path=f"{_ONE}/feedback", name="sendFeedback", tag="Conversations", scope=Scope.WRITE,
        handler=rate, body=Feedback, reply=StoredFacts, problems=(Kind.CONFLICT,),
        summary="Rate a reply, as the visitor.",
    ),
)  # fmt: skip

"""Visitors: open their conversation, give out all that is kept of them, erase it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from server.access.keys import Scope
from server.api.asking import Name
from server.api.conversations import ConversationFacts, EventFacts, event_facts, facts_of, visitor_id
from server.api.operation import Call, Operation, Reply, Request
from server.api.problems import Kind, Refusal
from server.conversations.commands import Visitor
from server.conversations.events import Audience, Event
from server.conversations.state import Head
from server.parts import CONVERSATIONS, ENGINE, LOG, UPLOADS
from server.stores.protocols import ConversationLog

_AT_ONCE = 200  # rows read from the log at once


class NewConversation(Request, frozen=True):
    """For a visitor who has no conversation yet; one who has keeps it."""

    kb: Annotated[Name, Meta(description="the knowledge base that answers")]
    language: Annotated[str, Meta(max_length=40)] = ""
    page: Annotated[str, Meta(max_length=2000, description="where the visitor is")] = ""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did; doing it again erases nothing more."""

    visitor: str
    events: int  # that were emptied; that they happened stays known
    files: int  # that were deleted


class ExportedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with all its events."""

    conversation: ConversationFacts
    page: str  # where the visitor was when it began
    device: str  # that the visitor had then, in a few words
    zone: str  # the visitor's time zone then
    events: tuple[EventFacts, ...]
    internal: tuple[EventFacts, ...]  # what was understood


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a visitor."""

    visitor: str
    conversations: tuple[ExportedConversation, ...]


async def open_conversation(call: Call) -> Reply:
    """Give the visitor's conversation."""
    wanted, visitor = call.body(NewConversation), visitor_id(call)
    await call.app[ENGINE].open(workspace=call.workspace, kb=wanted.kb)
    head = await call.app[CONVERSATIONS].open(
        Visitor(workspace=call.workspace, id=visitor, kb=wanted.kb, language=wanted.language, page=wanted.page)
    )
    return Reply(body=facts_of(head))


async def erase(call: Call) -> Reply:
    """Delete all that the visitor wrote and was written."""
    visitor = visitor_id(call)
    files = await call.app[UPLOADS].files.of_visitor(call.workspace, visitor)
    erased = await call.app[CONVERSATIONS].erase(call.workspace, visitor)
    await call.app[UPLOADS].files.remove(files)  # nobody is served them any more since the erasure
    return Reply(body=Erased(visitor=visitor, events=erased, files=len(files)))


async def export(call: Call) -> Reply:
    """Give out all that is kept of the visitor."""
    visitor, log = visitor_id(call), call.app[LOG]
    heads = await _heads(log, call.workspace, visitor)
    if not heads:
        raise Refusal(Kind.NOT_FOUND, "there is no such visitor.")
    conversations = [
        ExportedConversation(
            conversation=facts_of(head),
            page=head.page,
            device=head.device,
            zone=head.zone,
            events=tuple(map(event_facts, await _events(log, head, Audience.PUBLIC))),
            internal=tuple(map(event_facts, await _events(log, head, Audience.INTERNAL))),
        )
        for head in heads
    ]
    name = {"Content-Disposition": 'attachment; filename="visitor.json"'}
    return Reply(body=Export(visitor=visitor, conversations=tuple(conversations)), headers=name)


async def _heads(log: ConversationLog, workspace: str, visitor: str) -> list[Head]:
    heads: list[Head] = []
    while True:
        page = await log.conversations(workspace, visitor=visitor, offset=len(heads), limit=_AT_ONCE)
        heads += page.items
        if not page.items or len(heads) >= page.total:
            return heads


async def _events(log: ConversationLog, head: Head, audience: Audience) -> list[Event]:
    events: list[Event] = []
    while True:
        after = events[-1].seq if events else 0
        found = await log.events(head.workspace, head.conversation, audience=audience, after=after, limit=_AT_ONCE)
        events += found
        if len(found) < _AT_ONCE:
            return events


_ONE = "/v1/visitors/{visitor}"
OPERATIONS = (
    Operation(
        method="POST", path=f"{_ONE}/conversation", name="openConversation", tag="Visitors", scope=Scope.WRITE,
        handler=open_conversation, body=NewConversation, reply=ConversationFacts,
        summary="Give the visitor's conversation; the first call opens it.",
    ),
    Operation(
        method="DELETE", path=_ONE, name="eraseVisitor", tag="Visitors", scope=Scope.WRITE, handler=erase,
        reply=Erased, summary="Erase all that the visitor wrote and was written; that it happened stays known.",
    ),
    Operation(
        method="GET", path=f"{_ONE}/export", name="exportVisitor", tag="Visitors", scope=Scope.READ, handler=export,
        reply=Export, summary="Give out all that is kept of the visitor.",
    ),
)  # fmt: skip

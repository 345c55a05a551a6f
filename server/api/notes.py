"""Notes: what programs tell the agents of a conversation, and the visitor never sees."""

from typing import Annotated

from msgspec import Meta

from server.access.keys import Scope
from server.api.conversations import ClientMessageId, StoredFacts, conversation_id
from server.api.operation import Call, Operation, Reply, Request
from server.api.problems import Kind, Refusal
from server.conversations.events import Noted
from server.conversations.state import Drafts
from server.errors import IdReused
from server.handoff.desk import MAX_NOTE_CHARS
from server.ids import new_id, to_text
from server.parts import CONVERSATIONS


class NewNote(Request, frozen=True):
    """Something that agents should know."""

    client_msg_id: ClientMessageId
    text: Annotated[str, Meta(max_length=MAX_NOTE_CHARS, description="Markdown; only agents see it")]
    name: Annotated[str, Meta(max_length=100, description="who says it, as agents see it")] = "API"


async def note(call: Call) -> Reply:
    """Store a note."""
    wanted, author = call.body(NewNote), f"key:{call.caller.key}"
    if not wanted.text.strip() or "\0" in wanted.text:
        raise Refusal(Kind.INVALID, "a note has a text.", field="text")
    noted = Noted(text=wanted.text, name=wanted.name)

    def decide(drafts: Drafts) -> None:
        drafts.add(new_id(), author, noted, client_msg_id=wanted.client_msg_id)

    key = (call.workspace, conversation_id(call))
    changed = await call.app[CONVERSATIONS].change(key, decide, author=author, client_msg_id=wanted.client_msg_id)
    (event,) = changed.events
    if event.body not in (None, noted):  # None: its person was erased since
        raise IdReused(wanted.client_msg_id)
    stored = StoredFacts(client_msg_id=wanted.client_msg_id, seq=event.seq, id=to_text(event.id), at=event.at)
    return Reply(body=stored)


OPERATIONS = (
    Operation(
        method="POST", path="/v1/conversations/{conversation}/notes", name="addNote", tag="Conversations",
        scope=Scope.WRITE, handler=note, body=NewNote, reply=StoredFacts, problems=(Kind.CONFLICT,),
        summary="Tell the agents something that the visitor never sees. Sending it again changes nothing.",
    ),
)  # fmt: skip

"""Files of conversations: agents send them, and fetch what visitors and colleagues sent."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from server.api.files import FileFacts, check_headers, pieces_of, refuse_for, served
from server.api.operation import Request
from server.api.problems import Kind, Refusal
from server.console.finding import key_of
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply
from server.errors import ConversationNotFound
from server.parts import DESK, UPLOADS
from server.staff.permissions import Permission
from server.uploads.errors import UploadNotFound
from server.uploads.uploads import Place


class NewFile(Request, frozen=True):
    """What the body is."""

    name: Annotated[str, Meta(max_length=300)] = ""


async def upload(call: ConsoleCall) -> ConsoleReply:
    """Take a file in, by the very path of visitors' files; a message names it afterwards."""
    running, key = call.app[UPLOADS], key_of(call.workspace, call.path("conversation"))
    head = await call.app[DESK].case_head(call.agent, key)
    if not running.files.max_bytes:
        raise Refusal(Kind.NOT_ALLOWED, "this server takes no files.")
    check_headers(call.request, running.files.max_bytes)
    sender = (head.workspace, f"agent:{call.agent.id}".encode())
    refuse_for(running.limits.enter(sender))
    try:
        place = Place(workspace=head.workspace, conversation=head.conversation, author=call.actor)
        name = call.query(NewFile).name
        file = await running.files.receive(place, name, pieces_of(call.request, running.limits))
    finally:
        running.limits.leave(sender)
    facts = FileFacts(id=file.id, name=file.name, media_type=file.media_type, size=file.size)
    return ConsoleReply(body=facts, status=201)


async def fetch(call: ConsoleCall) -> web.StreamResponse:
    """Give a file of a conversation that the agent may see."""
    found, path = await call.app[UPLOADS].files.find(call.workspace, call.path("file"))
    try:
        await call.app[DESK].case_head(call.agent, (call.workspace, found.conversation))
    except ConversationNotFound as error:
        raise UploadNotFound("there is no such file.") from error
    return served(found, path)


OPERATIONS = (
    ConsoleOperation(
        method="POST", path="cases/{conversation}/files", permission=Permission.WORK, handler=upload, query=NewFile
    ),
    ConsoleOperation(method="GET", path="files/{file}", permission=Permission.WORK, handler=fetch),
)

"""Frames to protobuf messages and back, written by hand: one pair of functions a frame, fields in the schema's order.

Writing raises ValueError where a frame holds what the schema cannot (an identifier that is none), reading where a
message holds what the frame cannot.
"""

from typing import Any

import msgspec

from server.conversations.events import Choice, File, Source
from server.wire import frames
from server.wire import kefu_pb2 as pb
from server.wire.proto_words import (
    ACTIONS,
    AUTHORS,
    CODES,
    DECISIONS,
    KINDS,
    REASONS,
    id_out,
    id_read,
    key_out,
    key_read,
    name_out,
    name_read,
    signature_out,
    signature_read,
    token_out,
    token_read,
)

MOST = 2**53  # as frames.Whole


def _default(kind: type[msgspec.Struct], name: str) -> Any:
    return next(field.default for field in msgspec.structs.fields(kind) if field.name == name)


_LIMIT = _default(frames.History, "limit")
_EPOCH = _default(frames.EventFrame, "epoch")
_PING_S = _default(frames.Welcome, "ping_s")
_MAX_BYTES = _default(frames.Welcome, "max_bytes")
_MAX_UPLOAD = _default(frames.Welcome, "max_upload")


def _whole(number: int) -> int:
    if not -MOST <= number <= MOST:
        raise ValueError(f"{number} is out of range")
    return number


# -- both ways


def write_nothing(message: pb.Ping | pb.Pong, frame: frames.Ping | frames.Pong) -> None:
    """The kind is all there is."""


def read_ping(message: pb.Ping) -> frames.Ping:
    """See `write_nothing`."""
    return frames.Ping()


def read_pong(message: pb.Pong) -> frames.Pong:
    """See `write_nothing`."""
    return frames.Pong()


def write_typing(message: pb.Typing, frame: frames.Typing) -> None:
    """Typing."""
    message.off = not frame.on
    message.author, message.author_text = AUTHORS.out(frame.author)
    message.text = frame.text


def read_typing(message: pb.Typing) -> frames.Typing:
    """See `write_typing`."""
    author = AUTHORS.read(message.author, message.author_text)
    return frames.Typing(on=not message.off, author=author, text=message.text)


def write_read(message: pb.Read, frame: frames.Read) -> None:
    """Read."""
    message.seq = frame.seq
    message.author, message.author_text = AUTHORS.out(frame.author)


def read_read(message: pb.Read) -> frames.Read:
    """See `write_read`."""
    return frames.Read(seq=_whole(message.seq), author=AUTHORS.read(message.author, message.author_text))


# -- from the client


def write_hello(message: pb.Hello, frame: frames.Hello) -> None:
    """Hello."""
    if frame.token:
        message.token.claims, message.token.signature, message.token.text = token_out(frame.token)
    message.key, message.key_text = key_out(frame.key)
    message.user = frame.user
    message.signature, message.signature_text = signature_out(frame.signature)
    if frame.resume is not None:
        message.resume.conversation = id_out(frame.resume.conversation)
        message.resume.last_seq = frame.resume.last_seq
    message.language = frame.language
    message.page = frame.page
    message.device = frame.device
    message.zone = frame.zone
    message.client = frame.client


def read_hello(message: pb.Hello) -> frames.Hello:
    """See `write_hello`."""
    resume = None
    if message.HasField("resume"):
        conversation = id_read(message.resume.conversation)
        resume = frames.Resume(conversation=conversation, last_seq=_whole(message.resume.last_seq))
    return frames.Hello(
        token=token_read(message.token.claims, message.token.signature, message.token.text),
        key=key_read(message.key, message.key_text),
        user=message.user,
        signature=signature_read(message.signature, message.signature_text),
        resume=resume,
        language=message.language,
        page=message.page,
        device=message.device,
        zone=message.zone,
        client=message.client,
    )


def write_say(message: pb.Say, frame: frames.Say) -> None:
    """Say."""
    message.client_msg_id, message.client_msg_id_text = name_out(frame.client_msg_id)
    message.text = frame.text
    message.files.extend(id_out(file) for file in frame.files)


def read_say(message: pb.Say) -> frames.Say:
    """See `write_say`."""
    return frames.Say(
        client_msg_id=name_read(message.client_msg_id, message.client_msg_id_text),
        text=message.text,
        files=tuple(id_read(file) for file in message.files),
    )


def write_action(message: pb.Act, frame: frames.Act) -> None:
    """Act."""
    message.client_msg_id, message.client_msg_id_text = name_out(frame.client_msg_id)
    message.action, message.action_text = ACTIONS.out(frame.action)
    message.value = frame.value
    message.about = id_out(frame.about)
    message.text = frame.text


def read_action(message: pb.Act) -> frames.Act:
    """See `write_action`."""
    return frames.Act(
        client_msg_id=name_read(message.client_msg_id, message.client_msg_id_text),
        action=ACTIONS.read(message.action, message.action_text),
        value=message.value,
        about=id_read(message.about, needed=False),
        text=message.text,
    )


def write_history(message: pb.History, frame: frames.History) -> None:
    """History."""
    message.before = frame.before
    if frame.limit != _LIMIT:
        message.limit = frame.limit


def read_history(message: pb.History) -> frames.History:
    """See `write_history`."""
    limit = message.limit if message.HasField("limit") else _LIMIT
    return frames.History(before=_whole(message.before), limit=_whole(limit))


# -- from the server


def write_event(message: pb.Event, frame: frames.EventFrame) -> None:
    """EventFrame. Most fields of most events are empty, and setting one costs: each is looked at first."""
    message.seq = frame.seq
    message.id = id_out(frame.id)
    message.kind, message.kind_text = KINDS.out(frame.kind)
    message.author, message.author_text = AUTHORS.out(frame.author)
    message.at = frame.at
    message.turn = frame.turn
    message.text = frame.text
    message.decision, message.decision_text = DECISIONS.out(frame.decision)
    for source in frame.sources:
        message.sources.add(entry_id=source.entry_id, title=source.title)
    for choice in frame.choices:
        message.choices.add(entry_id=choice.entry_id, label=choice.label, action=choice.action, value=choice.value)
    if frame.client_msg_id:
        message.client_msg_id, message.client_msg_id_text = name_out(frame.client_msg_id)
    if frame.action:
        message.action, message.action_text = ACTIONS.out(frame.action)
    if frame.value:
        message.value = frame.value
    if frame.about:
        message.about = id_out(frame.about)
    if frame.epoch != _EPOCH:
        message.epoch = frame.epoch
    if frame.reason:
        message.reason, message.reason_text = REASONS.out(frame.reason)
    for file in frame.files:
        message.files.add(id=id_out(file.id), name=file.name, media_type=file.media_type, size=file.size)
    if frame.erased:
        message.erased = True
    if frame.name:
        message.name = frame.name
    if frame.status:
        message.status = frame.status
    for key, value in frame.values.items():
        message.values[key] = value


def read_event(message: pb.Event) -> frames.EventFrame:
    """See `write_event`."""
    return frames.EventFrame(
        seq=_whole(message.seq),
        id=id_read(message.id),
        kind=KINDS.read(message.kind, message.kind_text),
        author=AUTHORS.read(message.author, message.author_text),
        at=_whole(message.at),
        turn=_whole(message.turn),
        text=message.text,
        decision=DECISIONS.read(message.decision, message.decision_text),
        sources=tuple(Source(entry_id=source.entry_id, title=source.title) for source in message.sources),
        choices=tuple(
            Choice(entry_id=each.entry_id, label=each.label, action=each.action, value=each.value)
            for each in message.choices
        ),
        client_msg_id=name_read(message.client_msg_id, message.client_msg_id_text),
        action=ACTIONS.read(message.action, message.action_text),
        value=message.value,
        about=id_read(message.about, needed=False),
        epoch=_whole(message.epoch) if message.HasField("epoch") else _EPOCH,
        reason=REASONS.read(message.reason, message.reason_text),
        files=tuple(_read_file(file) for file in message.files),
        erased=message.erased,
        name=message.name,
        status=message.status,
        values=dict(message.values),
    )


def _read_file(message: pb.File) -> File:
    return File(id=id_read(message.id), name=message.name, media_type=message.media_type, size=message.size)


def write_welcome(message: pb.Welcome, frame: frames.Welcome) -> None:
    """Welcome."""
    message.session = id_out(frame.session)
    message.conversation = id_out(frame.conversation)
    message.token.claims, message.token.signature, message.token.text = token_out(frame.token)
    message.recovered = frame.recovered
    message.last_seq = frame.last_seq
    for event in frame.events:
        write_event(message.events.add(), event)
    if frame.ping_s != _PING_S:
        message.ping_s = frame.ping_s
    if frame.max_bytes != _MAX_BYTES:
        message.max_bytes = frame.max_bytes
    if frame.max_upload != _MAX_UPLOAD:
        message.max_upload = frame.max_upload


def read_welcome(message: pb.Welcome) -> frames.Welcome:
    """See `write_welcome`."""
    return frames.Welcome(
        session=id_read(message.session),
        conversation=id_read(message.conversation),
        token=token_read(message.token.claims, message.token.signature, message.token.text),
        recovered=message.recovered,
        last_seq=_whole(message.last_seq),
        events=tuple(read_event(event) for event in message.events),
        ping_s=_whole(message.ping_s) if message.HasField("ping_s") else _PING_S,
        max_bytes=_whole(message.max_bytes) if message.HasField("max_bytes") else _MAX_BYTES,
        max_upload=_whole(message.max_upload) if message.HasField("max_upload") else _MAX_UPLOAD,
    )


def write_ack(message: pb.Ack, frame: frames.Ack) -> None:
    """Ack."""
    message.client_msg_id, message.client_msg_id_text = name_out(frame.client_msg_id)
    message.seq = frame.seq
    message.id = id_out(frame.id)
    message.at = frame.at


def read_ack(message: pb.Ack) -> frames.Ack:
    """See `write_ack`."""
    return frames.Ack(
        client_msg_id=name_read(message.client_msg_id, message.client_msg_id_text),
        seq=_whole(message.seq),
        id=id_read(message.id),
        at=_whole(message.at),
    )


def write_chunk(message: pb.Chunk, frame: frames.Chunk) -> None:
    """Chunk."""
    message.turn = frame.turn
    message.text = frame.text
    message.aborted = frame.aborted


def read_chunk(message: pb.Chunk) -> frames.Chunk:
    """See `write_chunk`."""
    return frames.Chunk(turn=_whole(message.turn), text=message.text, aborted=message.aborted)


def write_page(message: pb.Page, frame: frames.Page) -> None:
    """Page."""
    for event in frame.events:
        write_event(message.events.add(), event)
    message.more = frame.more


def read_page(message: pb.Page) -> frames.Page:
    """See `write_page`."""
    return frames.Page(events=tuple(read_event(event) for event in message.events), more=message.more)


def write_goaway(message: pb.Goaway, frame: frames.Goaway) -> None:
    """Goaway."""
    message.after_ms = frame.after_ms


def read_goaway(message: pb.Goaway) -> frames.Goaway:
    """See `write_goaway`."""
    return frames.Goaway(after_ms=_whole(message.after_ms))


def write_error(message: pb.Problem, frame: frames.Problem) -> None:
    """Problem."""
    message.code, message.code_text = CODES.out(frame.code)
    message.message = frame.message
    message.client_msg_id, message.client_msg_id_text = name_out(frame.client_msg_id)
    message.retry_after_ms = frame.retry_after_ms


def read_error(message: pb.Problem) -> frames.Problem:
    """See `write_error`."""
    return frames.Problem(
        code=CODES.read(message.code, message.code_text),
        message=message.message,
        client_msg_id=name_read(message.client_msg_id, message.client_msg_id_text),
        retry_after_ms=_whole(message.retry_after_ms),
    )

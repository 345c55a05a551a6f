"""Asking a knowledge base once, without a conversation; and looking at how it would answer."""

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from engine.engine import DialogEngine, name_of
from engine.types import Exchange, Outcome, Turn
from server.access.keys import Scope
from server.api.operation import Call, Operation, Reply, Request
from server.api.problems import PRIVATE, Kind, problem_of, refusal_of
from server.conversations.commands import MAX_TEXT_CHARS
from server.conversations.events import Choice, Source
from server.parts import ENGINE

EVENT_STREAM = "text/event-stream"
_STILL_THERE_S = 0.5
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS, pattern=r"\S")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
_EntryIds = Annotated[tuple[Name, ...], Meta(max_length=20)]


class Earlier(Request, frozen=True):
    """An earlier turn, as the answer to it gave it in `exchange`."""

    text: Text
    question: Text
    decision: Annotated[str, Meta(max_length=40)]
    entry_ids: _EntryIds = ()


class AskRequest(Request, frozen=True):
    """A question. Nothing is kept of it but what nobody could answer; the history comes with it."""

    kb: Name
    text: Text
    history: Annotated[tuple[Earlier, ...], Meta(max_length=20, description="oldest first")] = ()


class SearchRequest(Request, frozen=True):
    """A question to try; nothing is kept of it."""

    text: Text
    history: Annotated[tuple[Earlier, ...], Meta(max_length=20, description="oldest first")] = ()


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was considered."""

    rank: int
    entry_id: str
    question: str
    score: float  # comparable within one question only
    stages: dict[str, float]


class Workings(msgspec.Struct, frozen=True, kw_only=True):
    """Why a question got what it got."""

    understood: str  # spelling corrected, follow-ups resolved; what was searched for
    language: str
    reason: str
    thresholds: dict[str, float]
    candidates: tuple[Weighed, ...]  # best first
    versions: dict[str, str]  # of the knowledge base and the models
    stage_ms: dict[str, float]
    cached: bool
    degraded: tuple[str, ...]  # stages that were skipped or failed


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor would get."""

    decision: str  # "answer", "clarify", "smalltalk", "unknown", "refuse", "handoff"
    reason: str  # of a handoff or refusal, the kind of small talk, or one clause
    answer: str  # Markdown, in the language of the question
    sources: tuple[Source, ...]
    choices: tuple[Choice, ...]
    confidence: float  # probability that the first candidate answers the question
    exchange: Earlier  # belongs into the next question's history
    receipt: Workings | None = None  # for keys with the scope `knowledge`


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer that is still being worded; the outcome replaces all of them."""

    text: str


async def ask(call: Call) -> Reply | web.StreamResponse:
    """Answer a question, at once or piece by piece."""
    wanted = call.body(AskRequest)
    engine = call.app[ENGINE]
    turn = _turn(call.workspace, wanted.kb, wanted.text, wanted.history)
    if EVENT_STREAM in call.request.headers.get("Accept", ""):
        return await _streamed(call, engine, turn)
    return Reply(body=_asked(call, engine, turn, await engine.reply(turn)))


async def search(call: Call) -> Reply:
    """Answer a question on the path of a visitor's turn, and show all that was weighed."""
    wanted = call.body(SearchRequest)
    engine = call.app[ENGINE]
    turn = _turn(call.workspace, call.path("kb"), wanted.text, wanted.history)
    return Reply(body=_asked(call, engine, turn, await engine.reply(turn, recorded=False)))


def _turn(workspace: str, kb: str, text: str, history: tuple[Earlier, ...]) -> Turn:
    exchanges = (
        Exchange(text=each.text, question=each.question, decision=each.decision, entry_ids=each.entry_ids)
        for each in history
    )
    return Turn(text=text, workspace=workspace, kb=kb, history=tuple(exchanges))


async def _streamed(call: Call, engine: DialogEngine, turn: Turn) -> web.StreamResponse:
    """Send pieces as they come, then the outcome. What fails before the first piece is an ordinary problem."""
    pieces: asyncio.Queue[str | None] = asyncio.Queue()  # bounded by what the writer may word
    reply = asyncio.get_running_loop().create_task(engine.reply(turn, pieces.put_nowait), name="ask")
    reply.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        piece = await pieces.get()
        if piece is None:
            await reply  # raises what went wrong
        response = web.StreamResponse(headers={**PRIVATE, "Content-Type": EVENT_STREAM})
        await response.prepare(call.request)
        with suppress(ConnectionResetError):  # the caller went away
            while piece is not None:
                await response.write(_sent("piece", Piece(text=piece)))
                piece = await _following(pieces, response)
            await response.write(await _last(call, engine, turn, reply))
            await response.write_eof()
        return response
    finally:
        reply.cancel()


async def _following(pieces: asyncio.Queue[str | None], response: web.StreamResponse) -> str | None:
    """Wait for the next piece; now and then write a comment, which is how a caller that went away is noticed."""
    while True:
        try:
            async with asyncio.timeout(_STILL_THERE_S):
                return await pieces.get()
        except TimeoutError:
            await response.write(b": still at it\n\n")


async def _last(call: Call, engine: DialogEngine, turn: Turn, reply: asyncio.Task[Outcome]) -> bytes:
    try:
        return _sent("outcome", _asked(call, engine, turn, await reply))
    except Exception as error:  # noqa: BLE001 (the status is out already: the problem is the last event)
        refusal = refusal_of(error)
        return _sent("problem", problem_of(refusal.kind, str(refusal)))


def _sent(event: str, data: msgspec.Struct) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def _asked(call: Call, engine: DialogEngine, turn: Turn, outcome: Outcome) -> Asked:
    exchange = outcome.exchange
    return Asked(
        decision=name_of(outcome.decision),
        reason=outcome.reason,
        answer=outcome.text,
        sources=tuple(
            Source(entry_id=entry_id, title=title)
            for entry_id in outcome.citations
            if (title := _question(engine, turn, entry_id))
        ),
        choices=tuple(Choice(entry_id=choice.entry_id, label=choice.question) for choice in outcome.choices),
        confidence=round(outcome.receipt.confidence, 4),
        exchange=Earlier(
            text=exchange.text,
            question=exchange.question if exchange.question.strip() else exchange.text,  # nothing may be left of signs
            decision=exchange.decision,
            entry_ids=exchange.entry_ids,
        ),
        receipt=_workings(engine, turn, outcome) if call.caller.may(Scope.KNOWLEDGE) else None,
    )


def _workings(engine: DialogEngine, turn: Turn, outcome: Outcome) -> Workings:
    receipt = outcome.receipt
    return Workings(
        understood=receipt.understood,
        language=receipt.language.value,
        reason=receipt.reason,
        thresholds={name: round(value, 4) for name, value in receipt.thresholds.items()},
        candidates=tuple(
            Weighed(
                rank=rank,
                entry_id=found.entry_id,
                question=_question(engine, turn, found.entry_id),
                score=round(float(found.score), 4),
                stages={name: round(float(score), 4) for name, score in found.stages.items()},
            )
            for rank, found in enumerate(receipt.candidates, 1)
        ),
        versions=dict(receipt.versions),
        stage_ms={name: round(float(value), 3) for name, value in receipt.stage_ms.items()},
        cached=receipt.cached,
        degraded=receipt.degraded,
    )


def _question(engine: DialogEngine, turn: Turn, entry_id: str) -> str:
    entry = engine.entry(turn.workspace, turn.kb, entry_id)
    return entry.question if entry is not None else ""


OPERATIONS = (
    Operation(
        method="POST", path="/v1/ask", name="ask", tag="Asking", scope=Scope.ASK, handler=ask, body=AskRequest,
        reply=Asked, streams=True, problems=(Kind.NOT_FOUND,),
        summary="Ask a knowledge base. With `Accept: text/event-stream` the answer comes piece by piece.",
    ),
    Operation(
        method="POST", path="/v1/kbs/{kb}/search", name="search", tag="Knowledge", scope=Scope.KNOWLEDGE,
        handler=search, body=SearchRequest, reply=Asked,
        summary="Try a question on the very path of a visitor's turn; nothing is recorded.",
    ),
)  # fmt: skip

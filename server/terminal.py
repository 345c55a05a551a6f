"""A conversation on a terminal, and questions from a file: the dialog engine without a network."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from engine import assemble
from engine.engine import DialogEngine
from engine.errors import EngineError
from engine.settings import Settings
from engine.types import Exchange, Outcome, Turn
from ingest.lines import read_lines

_HISTORY = 6  # exchanges handed back to the engine
_AT_ONCE = 16  # conversations of a file that are answered side by side


class QuestionsError(EngineError):
    """A line of a file of questions cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One line of a file of questions."""

    conversation: str | None  # the line's id, where it holds several turns
    turns: tuple[str, ...]


def converse(settings: Settings, kb: str, console: Console, *, question: str = "", why: bool = False) -> int:
    """Answer one question, or hold a conversation until the visitor leaves."""
    if question:
        return asyncio.run(_once(settings, kb, console, question, why=why))
    with suppress(EOFError, KeyboardInterrupt):
        chat(assemble.open_engine(settings, patient=True), kb, console, why=why)
    console.print()
    return 0


def chat(opening: AbstractAsyncContextManager[DialogEngine], kb: str, console: Console, *, why: bool = False) -> None:
    """Hold a conversation; Ctrl-C and the end of input leave it at once, as KeyboardInterrupt and EOFError.

    The event loop runs while the engine works and rests while the visitor types: the prompt is the main thread's, so
    that Ctrl-C reaches it, and it leaves the terminal as it was.
    """
    with asyncio.Runner() as loop:
        opened = AsyncExitStack()
        try:
            engine = loop.run(opened.enter_async_context(opening))
            engine.check(kb=kb)
            console.print(_welcome(kb))
            _talk(loop, engine, kb, console, why=why)
        finally:
            loop.run(opened.aclose())


def _talk(loop: asyncio.Runner, engine: DialogEngine, kb: str, console: Console, *, why: bool) -> None:
    history: tuple[Exchange, ...] = ()
    while True:
        text = console.input("\n[bold cyan]你 / you ›[/] ").strip()
        if text in ("/quit", "/exit"):
            return
        if text == "/why":
            why = not why
            console.print(f"[dim]receipts {'on' if why else 'off'}[/]")
        elif text == "/new":
            history = ()
            console.print("[dim]a new conversation[/]")
        elif text:
            outcome = loop.run(engine.reply(Turn(text=text, kb=kb, history=history)))
            history = (*history, outcome.exchange)[-_HISTORY:]
            _show(console, outcome, why=why)


def answer_file(settings: Settings, kb: str, source: Path, target: Path | None) -> int:
    """Answer the lines of a file, each a conversation of its own; output in input order.

    Raises:
        QuestionsError: a line is not what is expected.
    """
    asked = list(_questions(source))
    out = target.open("w", encoding="utf-8") if target is not None else sys.stdout
    try:
        asyncio.run(_answer_all(settings, kb, asked, out))
    finally:
        if target is not None:
            out.close()
    return 0


async def _once(settings: Settings, kb: str, console: Console, question: str, *, why: bool) -> int:
    async with assemble.open_engine(settings, patient=True) as engine:
        _show(console, await engine.reply(Turn(text=question, kb=kb)), why=why)
    return 0


def _welcome(kb: str) -> Panel:
    hints = "[dim]/why[/] receipts   [dim]/new[/] new conversation   [dim]/quit[/] leave"
    return Panel(f"知识库 / knowledge base: [bold]{kb}[/]\n{hints}", title="kefu 客服", expand=False)


def _show(console: Console, outcome: Outcome, *, why: bool) -> None:
    colour = {"answer": "green", "clarify": "yellow", "handoff": "magenta", "unknown": "yellow", "refuse": "red"}
    parts: list[Any] = [Markdown(outcome.text)]
    parts += [Text(f"  {number}. {choice.question}") for number, choice in enumerate(outcome.choices, 1)]
    if outcome.citations:
        parts.append(Text(f"来源 / source: {', '.join(outcome.citations)}", style="dim"))
    decision = outcome.receipt.decision
    console.print(Panel(Group(*parts), title=decision, title_align="left", border_style=colour.get(decision, "blue")))
    if why:
        console.print(_receipt(outcome))


def _receipt(outcome: Outcome) -> Table:
    receipt = outcome.receipt
    table = Table("", "", title="receipt", title_style="dim", show_header=False, box=None, pad_edge=False)
    table.add_row("why", Text(receipt.reason))
    table.add_row("understood", Text(f"{receipt.understood}  ({receipt.language})"))
    table.add_row("confidence", f"{receipt.confidence:.3f}")
    table.add_row("thresholds", "  ".join(f"{name} {value:.3f}" for name, value in receipt.thresholds.items()))
    for candidate in receipt.candidates[:5]:
        stages = "  ".join(f"{name} {score:.3f}" for name, score in candidate.stages.items())
        table.add_row("candidate", Text(f"{candidate.entry_id}  {candidate.score:.3f}  {stages}"))
    table.add_row("versions", "  ".join(f"{name} {version}" for name, version in receipt.versions.items()))
    times = "  ".join(f"{name} {ms:.1f} ms" for name, ms in receipt.stage_ms.items())
    table.add_row("stages", "from the cache" if receipt.cached else times)
    if receipt.degraded:
        table.add_row("degraded", ", ".join(receipt.degraded))
    return table


def _questions(source: Path) -> Iterator[_Asked]:
    for line in read_lines(source, QuestionsError):
        match line.row:
            case {"query": str(query)}:
                yield _Asked(conversation=None, turns=(query,))
            case {"id": str() | int() as name, "turns": [str(), *_] as turns} if all(isinstance(t, str) for t in turns):
                yield _Asked(conversation=str(name), turns=tuple(turns))
            case _:
                expected = '{"query": text} or {"id": text, "turns": [text, …]}'
                raise QuestionsError(f"{line.place}: expected {expected}")


async def _answer_all(settings: Settings, kb: str, asked: Sequence[_Asked], out: IO[str]) -> None:
    progress = Progress(console=Console(stderr=True), transient=True)
    async with assemble.open_engine(settings, patient=True) as engine:
        engine.check(kb=kb)
        with progress:
            task = progress.add_task("asking", total=len(asked))
            async for lines in _in_order(engine, kb, asked):
                for line in lines:
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                progress.advance(task)


async def _in_order(engine: DialogEngine, kb: str, asked: Sequence[_Asked]) -> AsyncIterator[list[dict[str, object]]]:
    """Answer a few conversations side by side, so that they share encoder calls, and give them in their order."""
    for start in range(0, len(asked), _AT_ONCE):
        several = asked[start : start + _AT_ONCE]
        for lines in await asyncio.gather(*(_conversation(engine, kb, each) for each in several)):
            yield lines


async def _conversation(engine: DialogEngine, kb: str, asked: _Asked) -> list[dict[str, object]]:
    history: tuple[Exchange, ...] = ()
    lines = []
    for number, text in enumerate(asked.turns):
        started = perf_counter()
        outcome = await engine.reply(Turn(text=text, kb=kb, history=history))
        history = (*history, outcome.exchange)[-_HISTORY:]
        line = _line(text, outcome, (perf_counter() - started) * 1000)
        if asked.conversation is not None:
            line = {"id": asked.conversation, "turn": number, **line}
        lines.append(line)
    return lines


def _line(text: str, outcome: Outcome, ms: float) -> dict[str, object]:
    return {
        "query": text,
        "decision": outcome.receipt.decision,
        "top_ids": list(outcome.top_ids),
        "answer": outcome.text,
        "confidence": round(outcome.receipt.confidence, 4),
        "reason": outcome.reason,
        "language": outcome.receipt.language.value,
        "ms": round(ms, 2),
    }

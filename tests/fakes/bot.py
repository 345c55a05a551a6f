"""A bot that does as the test says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.types import Turn
from server.conversations.bot import Reply
from server.conversations.events import Choice, Replied, Understood


@dataclass
class ScriptedBot:
    """Answers each turn with the decision that its text names, once `gate` is open."""

    turns: list[Turn] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    pieces: tuple[str, ...] = ()

    async def reply(self, turn: Turn, on_text: Callable[[str], None]) -> Reply:
        self.turns.append(turn)
        for piece in self.pieces:
            on_text(piece)
        await self.gate.wait()
        decision = next((word for word in ("clarify", "unknown", "handoff") if word in turn.text), "answer")
        choices = (Choice(entry_id="e1", label="Returns?"), Choice(entry_id="e2", label="Refunds?"))
        return Reply(
            said=Replied(text=f"re: {turn.text}", decision=decision, choices=choices if decision == "clarify" else ()),
            understood=Understood(
                decision=decision, text=turn.text, question=turn.text, language="en", edits=(), sentiment="neutral",
                sentiment_score=0.0, intent="", talk="", entry_ids=("e1",), receipt={},
            ),
        )  # fmt: skip

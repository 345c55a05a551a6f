"""What becomes of a visitor's turn, told once its events are on disk: one canonical log line, and the counters."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import time_ns
from typing import Any

from server.conversations.events import Acted, Action, Event, Replied, Spoke, Understood
from server.conversations.state import BOT, VISITOR, Head
from server.ids import to_text
from server.privacy import masked
from server.telemetry.logging import TURNS
from server.telemetry.metrics import Metrics, Told

log = logging.getLogger(TURNS)

_WAITING_TURNS = 20_000  # whose beginning is remembered
_reason = lru_cache(maxsize=1_000)(masked)  # the engine's clauses: few, and in its own words


class Turns:
    """Follows what is stored. Called on the event loop, after the commit; costs some microseconds and never fails."""

    def __init__(
        self, metrics: Metrics, *, log_text: bool = False, now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000
    ) -> None:
        self.log_text = log_text
        self._metrics = metrics
        self._now_ms = now_ms
        self._began: OrderedDict[tuple[str, bytes], tuple[int, int]] = OrderedDict()  # turn, when it was said

    def stored(self, head: Head, events: Sequence[Event]) -> None:
        """Take the events of one append; `head` is the state after them."""
        for event in events:
            match event.body:
                case Acted(action=Action.FEEDBACK, value=value):
                    self._metrics.rated(head.workspace, up=value == "up")
                case Spoke() | Acted() if event.author == VISITOR:
                    self._begin(head, event)
                case Replied() as said if event.author == BOT:
                    self._end(head, event, said, _understood(events))

    def _begin(self, head: Head, event: Event) -> None:
        self._metrics.heard(head.workspace)
        key = (head.workspace, head.conversation)
        self._began[key] = (event.turn, event.at)
        self._began.move_to_end(key)
        while len(self._began) > _WAITING_TURNS:
            self._began.popitem(last=False)

    def _end(self, head: Head, event: Event, said: Replied, understood: Understood | None) -> None:
        turn, at = self._began.pop((head.workspace, head.conversation), (0, 0))
        ms = max(0, self._now_ms() - at) if turn == event.turn else None  # None: said before this process began
        receipt = understood.receipt if understood is not None else {}
        told = Told(
            workspace=head.workspace,
            decision=said.decision,
            reason=said.reason,
            ms=ms,
            cached=bool(receipt.get("cached")),
            stage_ms=receipt.get("stage_ms", {}),
            degraded=tuple(receipt.get("degraded", ())),
        )
        self._metrics.turn(told)
        fields = {"fields": self._line(head, event, told, understood)}
        # As `log.info` does, but for the place in the code: finding it takes longer than writing the line.
        log.handle(log.makeRecord(TURNS, logging.INFO, __file__, 0, "turn", (), None, extra=fields))

    def _line(self, head: Head, event: Event, told: Told, understood: Understood | None) -> dict[str, Any]:
        receipt = understood.receipt if understood is not None else {}
        line = {
            "workspace": head.workspace,
            "kb": head.kb,
            "conversation": to_text(head.conversation),
            "turn": event.turn,
            "decision": told.decision,
            "reason": told.reason,
            "why": _reason(str(receipt.get("reason", ""))),
            "confidence": round(float(receipt.get("confidence", 0.0)), 4),
            "language": understood.language if understood is not None else "",
            "ms": told.ms,
            "cached": told.cached,
            "degraded": list(told.degraded),
            "stage_ms": {stage: round(ms, 2) for stage, ms in told.stage_ms.items()},
            "versions": dict(receipt.get("versions", {})),
        }
        if self.log_text and understood is not None:
            line |= {"text": masked(understood.text), "understood": masked(understood.question)}
        return line


def _understood(events: Sequence[Event]) -> Understood | None:
    return next((event.body for event in events if isinstance(event.body, Understood)), None)

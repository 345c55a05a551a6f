"""Keeps what was asked in vain, as the start of entries to write; a slow disk never holds up a reply."""

import logging
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from engine.types import Outcome, Turn
from knowledge.catalog import UnknownQuestion

log = logging.getLogger(__name__)

_CLOSE_S = 5.0  # for a slow disk at the end; what is not written by then is lost
_RECORDED = frozenset({"unknown", "clarify"})


class Unanswered:
    """A bounded queue before a thread that writes. When the queue is full the question is dropped, and counted."""

    def __init__(self, write: Callable[[UnknownQuestion], None], *, limit: int = 1000) -> None:
        """Take what writes one question, such as `Catalog.record_unknown`."""
        self._write = write
        self._queue: queue.SimpleQueue[UnknownQuestion | None] = queue.SimpleQueue()
        self._limit = limit
        self._thread = threading.Thread(target=self._run, name="kefu-unanswered", daemon=True)
        self._thread.start()
        self.dropped = 0

    def __call__(self, turn: Turn, outcome: Outcome) -> None:
        """Take an outcome; only what got no answer is kept."""
        if outcome.receipt.decision not in _RECORDED:
            return
        if self._queue.qsize() >= self._limit:
            self.dropped += 1
            return
        question = UnknownQuestion(
            workspace=turn.workspace,
            kb=turn.kb,
            text=outcome.receipt.text,
            decision=outcome.receipt.decision,
            asked_at=turn.at or datetime.now(UTC),
        )
        self._queue.put(question)

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._queue.put(None)
        self._thread.join(timeout=_CLOSE_S)
        if self.dropped:
            log.warning("%d questions asked in vain were not kept: the disk was too slow", self.dropped)

    def _run(self) -> None:
        while (question := self._queue.get()) is not None:
            try:
                self._write(question)
            except Exception as error:  # noqa: BLE001 (the edge of the thread: one bad question must not end it)
                log.warning("a question asked in vain could not be kept: %s", type(error).__name__)

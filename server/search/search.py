"""Search: keeps the index in step with the log, and shows what is found as it was written."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable

import msgspec

from server.conversations.events import Acted, Audience, Event, Millis, Noted, Replied, Spoke
from server.conversations.hub import Key
from server.conversations.state import Head
from server.errors import ServerError
from server.search.index import Line, Place, Progress, SearchIndex
from server.search.words import snippet
from server.stores.protocols import ConversationLog, Mark

log = logging.getLogger(__name__)

MAX_FOUND = 500  # lines; who finds more asks for more words
_AT_ONCE = 500  # events of a conversation that are read at once
_HEADS_AT_ONCE = 200  # conversations in memory while an index is made anew
_PAUSE_S = 0.5  # between two rounds: what is said meanwhile is indexed together
_AFTER_FAILURE_S = 5.0
_BACK_MS = 3_600_000  # conversations that were indexed up to an hour before the end are looked at again


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said."""

    head: Head  # of the conversation
    audience: Audience
    seq: int
    at: Millis
    author: str
    text: str  # the part that shows what was found
    marks: tuple[tuple[int, int], ...]  # where in it, in characters


class Search:
    """Over what visitors, the bot and agents wrote, notes included."""

    def __init__(self, index: SearchIndex, store: ConversationLog) -> None:
        self._index = index
        self._store = store
        self._changed: dict[Key, Head] = {}
        self._erased: set[Key] = set()  # whose words may be in the index still
        self._hint = asyncio.Event()
        self._writing = asyncio.Lock()

    def stored(self, head: Head) -> None:
        """Take note that something was said."""
        self._changed[head.workspace, head.conversation] = head
        self._hint.set()

    async def run(self) -> None:
        """Index what is said, for ever; begin with what an earlier process left undone."""
        begun = False
        while True:
            begun = begun or await self._try(self.catch_up())
            if not (begun and await self.work()):
                await asyncio.sleep(_AFTER_FAILURE_S)
                continue
            await self._hint.wait()
            self._hint.clear()
            await asyncio.sleep(_PAUSE_S)

    async def catch_up(self) -> None:
        """Look which conversations an earlier process may have left undone, erased ones among them.

        Raises:
            LogUnavailable: the index or the log cannot be read.
        """
        since, last = await self._index.newest() - _BACK_MS, None
        while some := await self._store.cases.said_since(since, behind=last, limit=_HEADS_AT_ONCE):
            for head in some:
                self._changed.setdefault((head.workspace, head.conversation), head)
            await self.work()  # what fails is noted, and tried again
            last = some[-1]
        for mark in await self._store.cases.marks():
            erased = await self._store.head(mark.workspace, mark.conversation) if mark.kind == "erased" else None
            if erased is not None:
                self._note_erased(erased)

    async def work(self) -> bool:
        """Index what was said by now; tell whether that could be done."""
        while self._changed:
            if not await self._renew(next(iter(self._changed))):
                return False
        return True

    async def find(self, workspace: str, text: str, *, public_only: bool = False) -> list[Found]:
        """Find what was said with all words of a text, the newest first; at most `MAX_FOUND`.

        Raises:
            LogUnavailable: the index or the log cannot be read.
        """
        heads: dict[bytes, Head | None] = {}
        found: list[Found] = []
        for place in await self._index.find(workspace, text, limit=MAX_FOUND, public_only=public_only):
            if place.conversation not in heads:
                heads[place.conversation] = await self._store.head(workspace, place.conversation)
            head = heads[place.conversation]
            if head is not None:
                found.append(_found(head, place))
        return found

    async def conversations(self, workspace: str, text: str, *, limit: int) -> list[bytes]:
        """Give conversations in which all words of a text were said in one line, the newest such line first.

        Raises:
            LogUnavailable: the index cannot be read.
        """
        return await self._index.conversations(workspace, text, limit=limit)

    async def shown(self, found: Iterable[Found], wanted: str) -> list[Found]:
        """Give what was found with the words around it; what was erased meanwhile is left out."""
        shown: list[Found] = []
        for each in found:
            events = await self._store.events(
                each.head.workspace, each.head.conversation, audience=each.audience, after=each.seq - 1, limit=1
            )
            text = _text_of(events[0]) if events else ""
            if text:
                part = snippet(text, wanted)
                shown.append(msgspec.structs.replace(each, text=part.text, marks=part.marks))
        return shown

    async def forget(self, head: Head) -> None:
        """Take the words of a conversation that was erased in the log out of the index; what fails is tried again."""
        self._note_erased(head)
        await self._renew((head.workspace, head.conversation))

    def _note_erased(self, head: Head) -> None:
        self._erased.add((head.workspace, head.conversation))
        self.stored(head)

    async def _renew(self, key: Key) -> bool:
        """Bring the index in step with one conversation; tell whether that is settled."""
        async with self._writing:
            head = self._changed.get(key)
            if head is None:
                return True
            settled = await self._try(self._bring_up(key, head))
            if settled and self._changed.get(key) is head:
                del self._changed[key]
            return settled

    async def _bring_up(self, key: Key, head: Head) -> None:
        if key in self._erased:
            await self._index.forget(key)
            mark = Mark(workspace=key[0], agent="", kind="erased", conversation=key[1])
            await self._store.cases.mark(mark)
            self._erased.discard(key)
        await self._take_in(key, head)

    async def _try(self, work: Awaitable[None]) -> bool:
        """Do one thing; that it fails must not end the search. True if trying again is of no use."""
        try:
            await work
        except ServerError as error:
            log.error("something cannot be searched yet, and is tried again: %s", error)
            return False
        except Exception:
            log.exception("something cannot be searched")
        return True

    async def _take_in(self, key: Key, head: Head) -> None:
        progress = await self._index.progress(key)
        while progress.seq < head.seq or progress.internal_seq < head.internal_seq:
            public = await self._store.events(*key, after=progress.seq, limit=_AT_ONCE)
            internal = await self._store.events(
                *key, audience=Audience.INTERNAL, after=progress.internal_seq, limit=_AT_ONCE
            )
            if not public and not internal:
                return
            progress = Progress(
                seq=public[-1].seq if public else progress.seq,
                internal_seq=internal[-1].seq if internal else progress.internal_seq,
            )
            lines = [line for event in (*public, *internal) for line in _line(event)]
            await self._index.add(key, lines, progress)


def _line(event: Event) -> list[Line]:
    text = _text_of(event)
    return [Line(audience=event.audience, seq=event.seq, at=event.at, author=event.author, text=text)] if text else []


def _text_of(event: Event) -> str:
    match event.body:
        case Spoke(text=text) | Replied(text=text) | Noted(text=text) | Acted(label=text):
            return text
        case _:
            return ""


def _found(head: Head, place: Place) -> Found:
    return Found(
        head=head, audience=place.audience, seq=place.seq, at=place.at, author=place.author, text="", marks=()
    )  # fmt: skip

"""The power goes at any moment of a short run of the log: what was acknowledged before is there, nothing is half there.

    python -m tests.soak.power_cuts --appends 400 --seed 1

kill -9 passes without a single fsync, because the kernel still writes what the process gave it. So the writes and
synchronisations of the log's files are written down (`disk`), cut at every point, and the log is opened over what a
disk may hold then: nothing of what was not synchronised, all of it, or any part.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from server.conversations.events import Audience, Opened, Replied, Spoke
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Head, opened
from server.events.onward import told_outside
from server.ids import derived_id
from server.stores.protocols import Append, ConversationLog
from server.stores.sqlite import SqliteLog
from tests.soak.disk import Disk, Keeps, KeepsAll, KeepsSome, Mark, Sync, Trace, lay_out, recording

OpenLog = Callable[[Path], Awaitable[Any]]  # of a log, or of what stands around one
_ALL = 1 << 30


class Script:
    """Appends to some conversations, one after the other in each; they follow from a seed."""

    def __init__(self, seed: int, *, conversations: int = 5) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._heads: list[Head | None] = [None] * conversations
        self._made = 0

    def next_to(self, number: int) -> Append:
        """Give the next append to a conversation."""
        head = self._heads[number]
        if head is None:
            body = Opened(kb="shop", language="en")
            drafts = Drafts(opened("acme", self._id(), f"visitor{number}", body, at=1), at=1)
            drafts.add(self._id(), SYSTEM, body)
        else:
            drafts = Drafts(head, at=self._made)
            text = "words " * self._random.choice((1, 5, 40, 900))
            if head.waits_for_bot and self._random.random() < 0.7:
                drafts.add(self._id(), BOT, Replied(text=text, decision="answer"))
            else:
                drafts.add(self._id(), VISITOR, Spoke(text=text), turn=head.turn + 1, client_msg_id=f"m{self._made}")
        self._heads[number] = drafts.head
        events = tuple(drafts.events)
        return Append(head=drafts.head, events=events, onward=told_outside(drafts.head, events), opens=head is None)

    def group(self) -> list[Append]:
        """Give appends to different conversations that are made at once."""
        numbers = self._random.sample(range(len(self._heads)), self._random.choice((1, 1, 2, len(self._heads))))
        return [self.next_to(number) for number in numbers]

    def _id(self) -> bytes:
        self._made += 1
        return derived_id("cut", self._seed, self._made)


async def record(folder: Path, open_log: OpenLog, *, appends: int, seed: int) -> tuple[Trace, list[Append]]:
    """Run the log, and write down what it does with its files and what it acknowledges; give it and all appends."""
    script, made = Script(seed), []

    async def append(log: ConversationLog, what: Append, number: int) -> None:
        await log.append(what)
        trace.append(Mark(number))

    with recording() as trace:
        log = await open_log(folder / "conversations.db")
        while len(made) < appends:
            group = script.group()
            await asyncio.gather(*(append(log, each, len(made) + place) for place, each in enumerate(group)))
            made += group
        await log.close()
    return trace, made


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A moment at which the power goes, and what the disk made of what it had not confirmed."""

    after: int  # steps of the trace
    kept: str
    keeps: Keeps


def cuts(trace: Trace, *, seed: int, every: int = 1) -> Iterator[Cut]:
    """Give the cuts of a trace: after every so many steps, and right after every acknowledgement."""
    for after in range(len(trace) + 1):
        if after % every and not isinstance(trace[after - 1], Mark):
            continue
        yield Cut(after=after, kept="nothing", keeps=Keeps())
        yield Cut(after=after, kept="everything", keeps=KeepsAll())
        yield Cut(after=after, kept="some", keeps=KeepsSome(Random(f"{seed} {after}")))


async def replay(
    trace: Trace, made: Sequence[Append], which: Iterator[Cut], *, old: Path, new: Path
) -> tuple[int, list[str]]:
    """Cut the power at each of these moments and open the log over what is left; give how often, and what was wrong.

    Args:
        trace: of the run.
        made: its appends.
        which: moments, in their order.
        old: folder of the run.
        new: empty, to lay out what is left of it.
    """
    disk, taken, acknowledged, wrong, tried = Disk(), 0, set[int](), [], 0
    for cut in which:
        for step in trace[taken : cut.after]:
            disk.take(step)
            if isinstance(step, Mark):
                acknowledged.add(step.what)
        taken = cut.after
        if cut.kept != "nothing" and disk.settled:
            continue  # nothing to choose from
        lay_out(disk.after_a_cut(cut.keeps), old, new)
        tried += 1
        found = await _missing(new / "conversations.db", made, acknowledged)
        wrong += [f"after step {cut.after} of {len(trace)}, {cut.kept} kept: {what}" for what in found]
    return tried, wrong


async def _missing(path: Path, made: Sequence[Append], acknowledged: set[int]) -> list[str]:
    """Open a log, and say what of the acknowledged appends is not in it and what of the others is half in it."""
    try:
        log = await SqliteLog.open(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, a log that does not open is lost
        return [f"it does not open: {error}"]
    try:
        return [what async for what in _differences(log, made, acknowledged)]
    except Exception as error:  # noqa: BLE001 - likewise one that cannot be read
        return [f"it cannot be read: {error}"]
    finally:
        await log.close()


async def _differences(log: ConversationLog, made: Sequence[Append], acknowledged: set[int]) -> AsyncIterator[str]:
    heads = {head.conversation: head for head in (await log.conversations("acme", limit=_ALL)).items}
    events = {
        event.id: event
        for conversation in heads
        for audience in Audience
        for event in await log.events("acme", conversation, audience=audience, limit=_ALL)
    }
    onward = {message.id for message in await log.onward(limit=_ALL)}
    last: dict[bytes, Head] = {}
    for number, append in enumerate(made):
        parts = [events.pop(event.id, None) == event for event in append.events]
        parts += [message.id in onward for message in append.onward]
        if any(parts) and not all(parts):
            yield f"append {number} is half there"
        elif number in acknowledged and not all(parts):
            yield f"append {number} was acknowledged and is not there"
        elif all(parts):
            last[append.head.conversation] = append.head
    if events:
        yield f"{len(events)} events that nobody wrote"
    if heads != last:
        yield "the state of a conversation is not that of its last event"


async def prove(open_log: OpenLog, *, appends: int, seed: int, every: int = 1) -> tuple[str, list[str]]:
    """Record a run, cut it, and give a line about it and what was wrong."""
    with tempfile.TemporaryDirectory(prefix="kefu-cuts-") as folder:
        old, new = Path(folder) / "old", Path(folder) / "new"
        old.mkdir()
        new.mkdir()
        trace, made = await record(old, open_log, appends=appends, seed=seed)
        tried, wrong = await replay(trace, made, cuts(trace, seed=seed, every=every), old=old, new=new)
    syncs = sum(isinstance(step, Sync) for step in trace)
    line = f"{len(made)} appends, {len(trace)} steps with {syncs} synchronisations, {tried} states of the disk opened"
    return f"{line}: {len(wrong)} wrong", wrong


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; give the number of states that were wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="cut after so many steps")
    asked = parser.parse_args(arguments)
    began = monotonic()
    line, wrong = asyncio.run(prove(SqliteLog.open, appends=asked.appends, seed=asked.seed, every=asked.every))
    sys.stdout.write(
        f"power cuts, seed {asked.seed}: {line} ({monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})\n"
    )
    sys.stdout.write("".join(f"  {what}\n" for what in wrong[:20]))
    return len(wrong)


if __name__ == "__main__":
    raise SystemExit(bool(main()))

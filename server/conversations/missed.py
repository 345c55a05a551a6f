"""What a session that comes back did not see."""

import msgspec

from server.conversations.events import Audience, Event, in_order
from server.conversations.hub import Key
from server.conversations.state import Head
from server.stores.protocols import ConversationLog


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gets when it joins."""

    head: Head
    recovered: bool  # all that was missed; else the newest, and what the client holds is void
    events: tuple[Event, ...]


async def missed_by_visitor(store: ConversationLog, head: Head, after: int | None, *, most: int, newest: int) -> Missed:
    """Give the public events after a number.

    Args:
        store: the log.
        head: the state; nothing is appended meanwhile.
        after: the last number that the session has; None for a fresh start.
        most: events that are sent; who missed more starts afresh.
        newest: events of a fresh start.
    """
    key: Key = (head.workspace, head.conversation)
    if after is not None and 0 <= head.seq - after <= most and not _erased_since(head, after):
        events = await store.events(*key, after=after, limit=most)
        return Missed(head=head, recovered=True, events=tuple(events))
    events = await store.events(*key, limit=newest, newest=True)
    return Missed(head=head, recovered=False, events=tuple(events))


async def missed_by_agent(
    store: ConversationLog, head: Head, after: tuple[int, int] | None, *, most: int, newest: int
) -> Missed:
    """Give the events of both audiences after a public and an internal number, in their one order.

    A fresh start has the newest public events, and the internal ones from the first of these on.
    """
    key: Key = (head.workspace, head.conversation)
    public, internal = after or (-1, -1)
    few = 0 <= head.seq - public <= most and 0 <= head.internal_seq - internal <= 2 * most
    if after is not None and few and not _erased_since(head, public):
        events = [
            *await store.events(*key, after=public, limit=most),
            *await store.events(*key, audience=Audience.INTERNAL, after=internal, limit=2 * most),
        ]
        return Missed(head=head, recovered=True, events=tuple(in_order(events)))
    events = await store.events(*key, limit=newest, newest=True)
    first = events[0].seq if events else 0
    beside = await store.events(*key, audience=Audience.INTERNAL, limit=2 * most, newest=True)
    events += [event for event in beside if event.after >= first]
    return Missed(head=head, recovered=False, events=tuple(in_order(events)))


def _erased_since(head: Head, after: int) -> bool:
    """Whether a session that has all up to a number may hold words that were erased.

    One that has all up to the erasure is not told from one that began behind it: it starts afresh once too often.
    """
    return 0 < after <= head.erased_seq

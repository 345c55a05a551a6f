"""The desk and the search of a server that runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from server.conversations.service import Conversations
from server.handoff.desk import Desk
from server.recurring import for_ever
from server.search.index import SearchIndex
from server.search.search import Search
from server.settings import Installation
from server.stores.protocols import ConversationLog


@asynccontextmanager
async def running_desk(desk: Desk, conversations: Conversations) -> AsyncIterator[None]:
    """Go on where the process before this one ended, and do what is due until the end.

    Raises:
        LogUnavailable: the log cannot be read.
    """
    await desk.open(conversations)
    task = asyncio.create_task(for_ever(desk.run, "desk"), name="desk")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def running_search(store: ConversationLog, settings: Installation) -> AsyncIterator[Search]:
    """Index what is said until the end.

    Raises:
        LogUnavailable: the index cannot be made.
    """
    index = SearchIndex(settings.log_file.with_name("search.db"))
    await index.open()
    search = Search(index, store)
    task = asyncio.create_task(for_ever(search.run, "search"), name="search")
    try:
        yield search
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await index.close()

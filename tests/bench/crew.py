"""Everybody of a shift, and how agents get their accounts."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from tests.bench.shift import TOLD_S, Plan, Shift
from tests.bench.shift_agents import Agent, Page
from tests.bench.shift_visitors import Visitor

_SIGN_IN_AT_ONCE = 4


class Crew:
    """Everybody."""

    def __init__(self, plan: Plan, passwords: Mapping[str, str]) -> None:
        self.shift = Shift(plan=plan)
        self.agents = [Agent(self.shift, login, password) for login, password in passwords.items()]
        for agent in self.agents:
            agent.colleagues = [other for other in self.agents if other is not agent]
        self.visitors = [Visitor(self.shift, number) for number in range(plan.visitors)]
        self._lives: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Let the agents sign in."""
        room = asyncio.Semaphore(_SIGN_IN_AT_ONCE)

        async def one(agent: Agent) -> None:
            async with room:
                await agent.begin()

        await asyncio.gather(*map(one, self.agents))

    async def work(self) -> None:
        """Let visitors come and agents answer for the time of the plan."""
        lateness = asyncio.create_task(self._look_at_the_clock())
        self._lives = [asyncio.create_task(self._live(visitor)) for visitor in self.visitors]
        await asyncio.sleep(self.shift.plan.seconds)
        lateness.cancel()

    async def end(self) -> None:
        """Let all chats come to their end; who waits gives up."""
        self.shift.over.set()
        _, stuck = await asyncio.wait(self._lives, timeout=TOLD_S)
        while working := [task for agent in self.agents for task in agent.working]:
            _, more = await asyncio.wait(working, timeout=TOLD_S)
            stuck |= more
            if more:
                break
        for task in stuck:
            task.cancel()
        if stuck:
            self.shift.errors["stuck"] += len(stuck)

    async def finish(self, numbers: Callable[[], Mapping[str, int]]) -> None:
        """Let everybody be shown everything, take note of it, and go.

        Args:
            numbers: gives the last public event of each conversation; called until it says the same again.
        """
        last: Mapping[str, int] = {}
        while (now := numbers()) != last:
            last = now
            await asyncio.sleep(1.0)
        for visitor in self.visitors:
            if visitor.socket is not None:
                with suppress(TimeoutError, ConnectionError):
                    await visitor.until(lambda visitor=visitor: visitor.last_seq >= last[visitor.conversation])
        for person in (*self.visitors, *self.agents):
            person.rest()

    async def _live(self, visitor: Visitor) -> None:
        await asyncio.sleep(visitor.random.uniform(0, min(20.0, self.shift.plan.seconds / 3)))
        try:
            await visitor.live()
        except (TimeoutError, ConnectionError) as error:
            self.shift.errors[f"visitor {type(error).__name__} {error}"] += 1

    async def _look_at_the_clock(self) -> None:
        while True:
            due = monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.shift.late.append(monotonic() - due)


async def hire(url: str, login: str, password: str, *, agents: int, capacity: int) -> dict[str, str]:
    """Add agents by the console's API, as an admin; give logins and passwords."""
    passwords = {}
    async with Page(url) as page:
        await page.post("session", login=login, password=password)
        for number in range(1, agents + 1):
            made = await page.post("agents", login=f"agent{number}", name=f"agent{number}", capacity=capacity)
            passwords[made["login"]] = made["password"]
    return passwords

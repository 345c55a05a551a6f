"""What goes wrong at the desk, and who sees what: nobody waits for ever, and nobody sees other departments."""

import asyncio

import pytest

from server.conversations.commands import AskForPerson
from server.errors import NotAllowed
from server.handoff.routing import Presence
from server.handoff.staff import Department, Role
from server.handoff.states import State
from tests.fakes.desk import Company, agent
from tests.fakes.staff import MemoryStaff


class _Stumbles(MemoryStaff):
    """A staff that cannot be told of once, when that is asked for."""

    fails = False

    def departments(self, workspace: str) -> list[Department]:
        if self.fails:
            self.fails = False
            raise ZeroDivisionError
        return super().departments(workspace)


async def test_a_failure_that_nobody_thought_of_does_not_end_the_desk() -> None:
    here = Company()
    here.staff = staff = _Stumbles([agent("ana")])
    await here.open()
    await here.sign_in("ana")
    await here.drop("ana")
    staff.put(agent("ben"))  # what was known of the workspace is void
    staff.fails = True
    running = asyncio.create_task(here.desk.run())
    for _ in range(100):
        await asyncio.sleep(0)

    assert not staff.fails
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    here.clock.at += 2_000
    window = await here.sign_in("ana")
    await here.come("ann")
    await here.do("ann", AskForPerson(client_msg_id="p1"))
    assert "rings" in window.words
    await here.close()


async def two_departments() -> Company:
    billing = Department(id="billing", workspace="acme", name_zh="账务", name_en="Billing")
    return await Company(
        agent("ana"), agent("bea", 2, "billing"), agent("sue", 2, "billing", role=Role.SUPERVISOR),
        agent("root", 2, role=Role.ADMIN), departments=(billing,),
    ).open()  # fmt: skip


async def test_the_board_shows_a_supervisor_the_own_departments_and_an_admin_all() -> None:
    here = await two_departments()
    await here.sign_in("ana")
    await here.served("ann", "ana")
    await here.come("bob")
    await here.do("bob", AskForPerson(client_msg_id="p1"))
    assert await here.state("bob") in (State.QUEUED, State.RINGING)

    board = here.desk.board(here.who("sue"))
    assert (board.waiting, board.active, board.queue) == (0, 0, ())
    assert [each.id for each in board.departments] == ["billing"]
    board = here.desk.board(here.who("root"))
    assert (board.waiting, board.active, len(board.queue)) == (1, 1, 1)
    assert [each.id for each in board.departments] == ["billing", "general"]
    await here.close()


async def test_a_supervisor_sets_the_presence_of_the_own_departments_only() -> None:
    here = await two_departments()
    await here.sign_in("ana", "bea")

    for name in ("ana", "nobody"):
        with pytest.raises(NotAllowed):
            await here.desk.presence(here.who("sue"), Presence.AWAY, of=name)
    await here.desk.presence(here.who("sue"), Presence.AWAY, of="bea")
    await here.desk.presence(here.who("root"), Presence.BUSY, of="ana")

    assert here.desk.presence_of(here.who("ana")) is Presence.BUSY
    assert here.desk.presence_of(here.who("bea")) is Presence.AWAY
    await here.close()

"""What visitors and agents may count on, over a log in memory and a clock that the test turns."""

from server.conversations.commands import AskForPerson
from server.handoff.states import State
from tests.fakes.desk import Company, agent


async def test_who_asks_for_a_person_gets_one() -> None:
    company = await Company(agent("ana")).open()
    window = await company.sign_in("ana")
    screen = await company.come("ann")

    await company.do("ann", AskForPerson(client_msg_id="p1"))
    assert screen.lines == ["* queued"]
    assert window.words == ["waits", "rings"]
    await company.accept("ana", "ann")
    await company.agent_says("ana", "ann", "Hello, Ann")
    await company.say("ann", "where is my order?")

    assert screen.lines == ["* queued", "* joined", "agent:ana: Hello, Ann", "visitor: where is my order?"]
    assert company.bot.turns == []
    assert await company.state("ann") is State.ACTIVE
    await company.close()

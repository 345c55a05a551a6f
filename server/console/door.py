"""The door for agents: a ticket, which a signed-in page fetched a moment ago, becomes a talk."""

import asyncio

from server.connections.connection import Connection, Talk
from server.connections.credentials import Refused, Who
from server.console.room import Room
from server.console.talk import AgentTalk
from server.console.tickets import Tickets
from server.staff.errors import StaffUnavailable
from server.staff.sessions import Sessions
from server.wire.frames import Hello


class AgentDoor:
    """Lets agents in who show a ticket. See `server.connections.connection.Door`."""

    def __init__(self, room: Room, tickets: Tickets, sessions: Sessions) -> None:
        self._room = room
        self._tickets = tickets
        self._sessions = sessions

    async def admit(self, hello: Hello, connection: Connection) -> tuple[Who, Talk]:
        """Tell who says hello."""
        ticketed = self._tickets.redeem(hello.ticket)
        if ticketed is None:
            raise Refused("this ticket is not good, or not any more")
        # A ticket that leaked is of no use to another page; a program, which sends no Origin, got it by a page's right.
        if connection.origin not in ("", ticketed.origin):
            raise Refused("this page may not use the ticket")
        try:
            session = (await asyncio.to_thread(self._sessions.live)).get(ticketed.session)
        except StaffUnavailable as error:
            raise Refused("the accounts cannot be read just now", expired=True) from error
        agent = self._room.accounts.agent(ticketed.workspace, ticketed.agent)
        if session is None or agent is None or agent.disabled:
            raise Refused("this session has ended")
        who = Who(workspace=agent.workspace, name=f"agent:{agent.id}", credential=session.id)
        return who, AgentTalk(connection, agent, self._room)

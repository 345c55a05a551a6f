"""One visitor's story, told in sentences: who does what, and what the visitor was told."""

from msgspec.structs import replace

from server.handoff import actions as does
from server.handoff.actions import Action, TurnSeen
from server.handoff.outcomes import Notice, Result, Transition, Word
from server.handoff.routing import Presence
from server.handoff.states import Handling, State
from tests.fakes.handoff_world import Case, World


class Story:
    """Ana (two places) and Ben (one) are there, both of support; Cyd supervises billing; Dee is an admin, not there."""

    def __init__(self, cases: int = 4) -> None:
        self.world = World(cases)
        self.case = self.world.cases[1]  # an English one
        self.told: list[str] = []
        self.codes: list[str] = []
        self.notices: list[Notice] = []
        self.choices: tuple[str, ...] = ()
        act = self.world.act

        def noted(case: Case, action: Action) -> Result:
            result = act(case, action)
            if isinstance(result, Transition):
                self.notices += result.notices
                if result.status is not None and case is self.case:
                    self.told.append(result.status.text)
                    self.codes.append(result.status.code)
                    self.choices = tuple(choice.value for choice in result.status.choices)
            return result

        self.world.act = noted  # type: ignore[method-assign]  # a story listens to its world

    @property
    def handling(self) -> Handling:
        return self.case.handling

    @property
    def state(self) -> State:
        return self.case.handling.state

    @property
    def epoch(self) -> int:
        return self.case.handling.epoch

    @property
    def last(self) -> str:
        """What the visitor was told last."""
        return self.told[-1] if self.told else ""

    def act(self, action: Action, case: Case | None = None) -> Result:
        return self.world.act(case or self.case, action)

    def words(self, word: Word) -> list[Notice]:
        return [notice for notice in self.notices if notice.word is word]

    def wait(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    def asks(self, case: Case | None = None) -> None:
        self.act(does.AskedForPerson(), case)

    def writes(self) -> None:
        self.act(does.VisitorSpoke())

    def rings(self, agent: str = "ana", case: Case | None = None) -> None:
        assert isinstance(self.act(does.Ring(agent=agent), case), Transition)

    def accepts(self, agent: str = "ana", case: Case | None = None) -> Result:
        case = case or self.case
        return self.act(does.Accept(by=agent, epoch=case.handling.epoch), case)

    def chat_with(self, agent: str = "ana", case: Case | None = None) -> None:
        """Bring the conversation to an agent."""
        self.asks(case)
        self.rings(agent, case)
        assert isinstance(self.accepts(agent, case), Transition)

    def says(self, agent: str = "ana") -> Result:
        return self.act(does.AgentSpoke(by=agent))

    def bot_says(self, *decisions: str, reason: str = "", sentiment: float = 0.0) -> Result:
        """Let the bot answer; the turns before are given by their decisions."""
        turns = [TurnSeen(decision=decision) for decision in decisions[:-1]]
        turns.append(TurnSeen(decision=decisions[-1], reason=reason, sentiment=sentiment))
        return self.act(does.BotReplied(recent=tuple(turns)))

    def presence(self, agent: str, presence: Presence) -> None:
        """Set an agent's presence, and let everybody look."""
        self.world.presence[agent] = presence
        self.look()

    def everyone_goes_home(self) -> None:
        for agent in self.world.presence:
            self.world.presence[agent] = Presence.OFFLINE

    def look(self) -> Result:
        return self.act(does.FloorChanged())

    def hours(self, department: str, *spans: tuple[int, int]) -> None:
        """Give a department the same hours every day."""
        found = self.world.departments[department]
        self.world.departments[department] = replace(found, hours=(spans,) * 7)

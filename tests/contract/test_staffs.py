"""What the desk relies on of whoever knows the staff: the file of accounts answers as the one in memory does."""

import asyncio

import pytest

from server.handoff.staff import GENERAL, Agent, Department, Role
from tests.fakes.accounts import open_staff
from tests.fakes.staff import MemoryStaff

BILLING = Department(
    id="billing", workspace="acme", name_zh="账单", name_en="Billing", timezone="Asia/Shanghai", fallback=GENERAL,
    hours=(((540, 720), (780, 1080)),) * 5 + ((), ()), timers={"ring": 10},
)  # fmt: skip


class InMemory:
    """The oracle."""

    def __init__(self, home):
        self.staff = MemoryStaff()
        self._number = 0

    def add(self, agent):
        self._number += 1
        agent = Agent(**{**{name: getattr(agent, name) for name in Agent.__struct_fields__}, "id": f"a{self._number}"})
        self.staff.put(agent)
        return agent

    def change(self, agent):
        self.staff.put(agent)

    def put(self, department):
        self.staff.put(department)


class InAFile:
    """The one that serves."""

    def __init__(self, home):
        self.running = open_staff(home)
        self.staff = self.running.accounts

    def add(self, agent):
        agent = self.staff.add(agent, "", actor="command")
        asyncio.run(self.staff.refresh())
        return agent

    def change(self, agent):
        self.staff.change(agent, actor="command")
        asyncio.run(self.staff.refresh())

    def put(self, department):
        new = department.id not in {each.id for each in self.staff.departments(department.workspace)}
        self.staff.put_department(department, actor="command", new=new)
        asyncio.run(self.staff.refresh())


@pytest.fixture(params=[InMemory, InAFile], ids=["memory", "file"])
def house(request, tmp_path):
    return request.param(tmp_path)


def agent(login, workspace="acme", **values):
    return Agent(id="", workspace=workspace, login=login, name=login.title(), **values)


def test_nobody_works_in_a_new_workspace_and_there_is_one_department_always_open(house):
    assert house.staff.agents("acme") == []
    (general,) = house.staff.departments("acme")
    assert (general.id, general.workspace, general.hours, general.enabled) == (GENERAL, "acme", (), True)


def test_agents_are_given_by_their_ids_with_all_they_were_given(house):
    ana = house.add(agent("ana", role=Role.SUPERVISOR, languages=("zh",), skills=("refunds",), capacity=7))
    ben = house.add(agent("ben"))
    assert [each.id for each in house.staff.agents("acme")] == sorted([ana.id, ben.id])
    assert house.staff.agent("acme", ana.id) == ana
    assert (ana.role, ana.languages, ana.skills, ana.capacity) == (Role.SUPERVISOR, ("zh",), ("refunds",), 7)


def test_a_workspace_sees_only_its_own(house):
    ana = house.add(agent("ana"))
    eve = house.add(agent("ana", workspace="globex"))
    assert house.staff.agents("globex") == [eve]
    assert house.staff.agent("globex", ana.id) in (None, eve)
    assert house.staff.agent("acme", "nobody") is None


def test_who_is_disabled_is_still_known(house):
    house.add(agent("root", role=Role.ADMIN))
    ana = house.add(agent("ana"))
    house.change(Agent(**{**{name: getattr(ana, name) for name in Agent.__struct_fields__}, "disabled": True}))
    assert house.staff.agent("acme", ana.id).disabled
    assert ana.id in {each.id for each in house.staff.agents("acme")}


def test_departments_are_given_by_their_ids_as_they_were_put(house):
    house.put(BILLING)
    assert [each.id for each in house.staff.departments("acme")] == ["billing", GENERAL]
    assert house.staff.departments("acme")[0] == BILLING
    assert [each.id for each in house.staff.departments("globex")] == [GENERAL]


def test_the_general_department_can_be_changed(house):
    house.put(Department(id=GENERAL, workspace="acme", name_zh="前台", name_en="Front desk"))
    assert [each.name_en for each in house.staff.departments("acme")] == ["Front desk"]


def test_followers_are_told_the_workspace_after_each_change(house):
    told = []
    house.staff.follow(lambda workspace: told.append((workspace, len(house.staff.agents(workspace)))))
    house.add(agent("ana"))
    house.add(agent("eve", workspace="globex"))
    house.put(BILLING)
    assert told == [("acme", 1), ("globex", 1), ("acme", 1)]

"""Accounts: what may be kept of an agent or a department, who may sign in, and for how long."""

import asyncio
import sqlite3
from datetime import date

import pytest
from msgspec.structs import replace

from server.errors import BadCommand
from server.handoff.staff import GENERAL, Agent, Department, Role
from server.staff.accounts import Accounts
from server.staff.audit import Audit
from server.staff.canned import CannedReply
from server.staff.errors import BadPassword, BadValue, LockedOut, NoSuchThing, NotYours, SignInRefused, StaffUnavailable
from server.staff.file import StaffFile
from server.staff.lockout import ADDRESS, LOGIN, PAIR, Lockout, Patience
from server.staff.passwords import generated
from server.staff.permissions import PERMISSIONS, Permission, may
from server.staff.running import trim_audit
from server.staff.sessions import Sessions, SessionSettings
from tests.fakes.accounts import PASSWORD, add, cheap, open_staff

DEPARTMENT = Department(id="billing", workspace="acme", name_zh="账单", name_en="Billing")


@pytest.fixture
def staff(tmp_path):
    staff = open_staff(tmp_path)
    yield staff
    staff.accounts._file.close()


class Clock:
    now = 1_000_000_000_000

    def __call__(self):
        return self.now

    def pass_s(self, seconds):
        self.now += seconds * 1000


@pytest.fixture
def clock():
    return Clock()


# -- agents


@pytest.mark.parametrize("login", ["ana", "ANA", "ａｎａ", " ana "], ids=["same", "upper", "full-width", "spaced"])
def test_a_login_is_taken_however_it_is_written(staff, login):
    add(staff, "ana")
    with pytest.raises(BadCommand, match="is taken"):
        add(staff, login)
    assert add(staff, login, "globex").login == "ana"


@pytest.mark.parametrize("login", ["", "a b", "-a", "a" * 65, "a\nb", "a/b"])
def test_what_cannot_be_a_login_is_refused(staff, login):
    with pytest.raises(BadValue, match="a login has"):
        staff.accounts.add(Agent(id="", workspace="acme", login=login, name="Ana"), "", actor="command")


@pytest.mark.parametrize(
    "values",
    [
        {"name": " "}, {"name": "x" * 61}, {"capacity": 0}, {"capacity": 101}, {"departments": ("billing",)},
        {"departments": ()}, {"languages": ("fr",)}, {"skills": ("",)}, {"skills": ("x",) * 21},
    ],
    ids=lambda values: "-".join(values),
)  # fmt: skip
def test_an_agent_of_which_a_value_is_wrong_is_refused(staff, values):
    agent = Agent(id="", workspace="acme", login="ana", name="Ana")
    with pytest.raises(BadValue):
        staff.accounts.add(replace(agent, **values), "", actor="command")
    staff.accounts.load()
    assert staff.accounts.agents("acme") == []


def test_the_last_administrator_stays(staff):
    root = add(staff, "root", role=Role.ADMIN)
    for change in ({"disabled": True}, {"role": Role.AGENT}):
        with pytest.raises(BadCommand, match="last administrator"):
            staff.accounts.change(replace(root, **change), actor="command")
    add(staff, "other", "globex", role=Role.ADMIN)
    with pytest.raises(BadCommand, match="last administrator"):
        staff.accounts.change(replace(root, disabled=True), actor="command")
    add(staff, "second", role=Role.ADMIN)
    assert staff.accounts.change(replace(root, disabled=True), actor="command").disabled


def test_an_agent_of_another_workspace_cannot_be_changed(staff):
    ana = add(staff, "ana")
    with pytest.raises(NoSuchThing):
        staff.accounts.change(replace(ana, workspace="globex", name="Eve"), actor="command")
    with pytest.raises(NoSuchThing):
        staff.accounts.set_password("globex", ana.id, "", actor="command")


def test_another_process_changes_are_taken_over(staff, tmp_path):
    beside = Accounts(StaffFile(tmp_path / "staff.db"))
    told = []
    staff.accounts.follow(told.append)
    beside.add(Agent(id="", workspace="acme", login="ana", name="Ana"), "", actor="command")
    assert asyncio.run(staff.accounts.refresh())
    assert [agent.login for agent in staff.accounts.agents("acme")] == ["ana"]
    assert told == ["acme"]
    assert not asyncio.run(staff.accounts.refresh())


# -- departments


@pytest.mark.parametrize(
    "values",
    [
        {"id": "Billing"}, {"name_en": ""}, {"timezone": "Mars/Olympus"}, {"timezone": "../etc/passwd"},
        {"hours": (((540, 1080),),)}, {"hours": (((600, 540),),) + ((),) * 6}, {"hours": (((0, 1441),),) + ((),) * 6},
        {"hours": (((0, 600), (600, 700)),) + ((),) * 6}, {"fallback": "nowhere"}, {"fallback": "billing"},
        {"timers": {"nonsense": 5}}, {"timers": {"ring": 0}},
    ],
    ids=str,
)  # fmt: skip
def test_a_department_of_which_a_value_is_wrong_is_refused(staff, values):
    with pytest.raises(BadValue):
        staff.accounts.put_department(replace(DEPARTMENT, **values), actor="command", new=True)


def test_fallbacks_do_not_lead_in_a_circle(staff):
    accounts = staff.accounts
    accounts.put_department(DEPARTMENT, actor="command", new=True)
    accounts.put_department(replace(DEPARTMENT, id="legal", fallback="billing"), actor="command", new=True)
    with pytest.raises(BadValue, match="circle"):
        accounts.put_department(replace(DEPARTMENT, fallback="legal"), actor="command", new=False)


def test_the_general_department_cannot_be_switched_off(staff):
    general = staff.accounts.departments("acme")[0]
    assert general.id == GENERAL
    with pytest.raises(BadValue, match="switched off"):
        staff.accounts.put_department(replace(general, enabled=False), actor="command", new=False)


def test_hours_and_holidays_are_kept_in_order(staff):
    wanted = replace(
        DEPARTMENT,
        hours=(((780, 1080), (540, 720)),) + ((),) * 6,
        holidays=(date(2026, 10, 1), date(2026, 1, 1), date(2026, 10, 1)),
    )
    kept = staff.accounts.put_department(wanted, actor="command", new=True)
    assert kept.hours[0] == ((540, 720), (780, 1080))
    assert kept.holidays == (date(2026, 1, 1), date(2026, 10, 1))


# -- the audit log


def test_each_change_is_a_line_and_no_line_holds_a_password(staff):
    ana = add(staff, "ana")
    staff.accounts.change(replace(ana, capacity=9), actor="agent:root")
    staff.accounts.change(replace(ana, capacity=9), actor="agent:root")  # changes nothing
    staff.accounts.set_password("acme", ana.id, staff.passwords.hash("another password"), actor="agent:root")
    lines, total = staff.audit.lines("acme", limit=10, offset=0)
    assert [(line.action, line.actor) for line in lines] == [
        ("agent.password", "agent:root"), ("agent.changed", "agent:root"), ("agent.added", "command"),
    ]  # fmt: skip
    assert lines[1].change == {"capacity": [4, 9]}
    assert total == 3
    assert "argon2" not in str(lines)
    assert staff.audit.lines("globex", limit=10, offset=0) == ([], 0)


def test_a_change_that_fails_leaves_no_line(staff):
    add(staff, "ana")
    with pytest.raises(BadCommand):
        add(staff, "ana")
    assert staff.audit.lines("acme", limit=10, offset=0)[1] == 1


def note(staff, workspace, at):
    file = staff.accounts._file
    with file.writing() as db:
        Audit(file, now_ms=lambda: at).note(db, workspace, "command", "agent.added", "ana", {})


def test_lines_older_than_a_moment_are_deleted_in_all_workspaces_and_no_others(staff):
    for at, workspace in ((1_000, "acme"), (2_000, "globex"), (3_000, "acme")):
        note(staff, workspace, at)
    audit = staff.audit
    assert audit.trim(before=3_000) == 2
    assert [line.at for line in audit.lines("acme", limit=10, offset=0)[0]] == [3_000]
    assert audit.lines("globex", limit=10, offset=0)[1] == 0
    assert audit.trim(before=3_000) == 0


@pytest.mark.parametrize(("days", "kept"), [(365.0, 1), (0.0, 2), (0.5, 0)], ids=["a-year", "for-ever", "half-a-day"])
async def test_the_audit_log_is_kept_for_as_many_days_as_the_setting_says(staff, days, kept):
    day = 86_400_000
    for at in (1 * day, 366 * day):
        note(staff, "acme", at)
    looked = asyncio.Event()

    async def pause(seconds):
        looked.set()
        await asyncio.Event().wait()

    trimming = asyncio.create_task(trim_audit(staff.audit, lambda: days, pause=pause, now_ms=lambda: 367 * day))
    await looked.wait()
    trimming.cancel()
    assert staff.audit.lines("acme", limit=10, offset=0)[1] == kept


# -- passwords and signing in


async def test_the_right_password_signs_in_and_what_is_kept_is_no_password(staff):
    add(staff, "ana")
    token, agent = await staff.sign_in.sign_in("acme", "Ana", PASSWORD, address="10.0.0.1")
    assert agent.login == "ana"
    assert staff.sessions.find(token).agent == agent.id
    file = staff.accounts._file
    assert file.rows("SELECT password FROM agents")[0][0].startswith("$argon2id$")
    assert token.encode() not in b"".join(row[0] for row in file.rows("SELECT token FROM sessions"))


@pytest.mark.parametrize(
    ("workspace", "login", "password"),
    [("acme", "ana", "wrong password"), ("acme", "nobody", PASSWORD), ("globex", "ana", PASSWORD),
     ("acme", "off", PASSWORD), ("acme", "unset", ""), ("acme", "ana", "")],
    ids=["password", "login", "workspace", "disabled", "no-password-set", "empty"],
)  # fmt: skip
async def test_all_else_is_refused_in_the_same_words(staff, workspace, login, password):
    add(staff, "ana")
    off = add(staff, "off")
    staff.accounts.change(replace(off, disabled=True), actor="command")
    staff.accounts.add(Agent(id="", workspace="acme", login="unset", name="U"), "", actor="command")
    with pytest.raises(SignInRefused, match="this login and password do not belong"):
        await staff.sign_in.sign_in(workspace, login, password, address="10.0.0.1")


async def test_a_login_that_is_not_there_costs_a_hash_too():
    passwords = cheap()
    hashed = []
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, kept, password):
            hashed.append(kept)
            return verify(kept, password)

        hash = passwords._hasher.hash

    passwords._hasher = Counting()
    assert not await passwords.fits("", PASSWORD)
    assert await passwords.fits(cheap().hash(PASSWORD), PASSWORD)
    assert [kept.startswith("$argon2id$") for kept in hashed] == [True, True]


@pytest.mark.parametrize("password", ["", "short", "x" * 201], ids=len)
def test_a_password_that_is_too_short_or_too_long_is_refused(password):
    with pytest.raises(BadPassword):
        cheap().hash(password)


async def test_a_password_typed_on_another_system_is_the_same():
    passwords = cheap()
    assert await passwords.fits(passwords.hash("Ångström rules"), "Ångström rules")


def test_passwords_that_are_made_differ_and_can_be_read_out():
    made = {generated() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0O1lI")


async def test_changing_ones_password_ends_all_other_sessions(staff):
    ana = add(staff, "ana")
    here, session = staff.sessions.begin("acme", ana.id)
    there, _ = staff.sessions.begin("acme", ana.id)
    with pytest.raises(SignInRefused):
        await staff.sign_in.change_password(ana, "wrong", "a new password", session=session.id, address="")
    await staff.sign_in.change_password(ana, PASSWORD, "a new password", session=session.id, address="")
    assert staff.sessions.find(here) is not None
    assert staff.sessions.find(there) is None
    await staff.sign_in.sign_in("acme", "ana", "a new password", address="")


# -- lockout


def test_waits_double_up_to_a_limit():
    patience = Patience(free=3, most_s=60)
    assert [patience.wait_ms(times) for times in (0, 2, 3, 4, 5, 7, 8, 9, 500)] == [
        0, 0, 2_000, 4_000, 8_000, 32_000, 60_000, 60_000, 60_000,
    ]  # fmt: skip


def fail(lockout, times, login="ana", address="10.0.0.1"):
    for _ in range(times):
        lockout.count("acme", login, address)


def test_after_some_failures_one_has_to_wait_longer_each_time(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    fail(lockout, PAIR.free)
    waited = []
    for _ in range(4):
        with pytest.raises(LockedOut) as locked:
            lockout.count("acme", "ana", "10.0.0.1")
        waited.append(locked.value.retry_after_s)
        clock.pass_s(waited[-1])
        lockout.count("acme", "ana", "10.0.0.1")
    assert waited == [2, 4, 8, 16]


def test_who_hammers_is_not_kept_out_longer_for_it(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    fail(lockout, PAIR.free)
    for _ in range(50):
        with pytest.raises(LockedOut):
            lockout.count("acme", "ana", "10.0.0.1")
    clock.pass_s(2)
    lockout.count("acme", "ana", "10.0.0.1")


def test_a_restart_forgives_nothing(tmp_path, clock):
    fail(Lockout(StaffFile(tmp_path / "staff.db"), clock), PAIR.free)
    with pytest.raises(LockedOut):
        Lockout(StaffFile(tmp_path / "staff.db"), clock).count("acme", "ana", "10.0.0.1")


def test_a_guesser_elsewhere_does_not_keep_the_owner_out_for_long(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    fail(lockout, PAIR.free, address="203.0.113.9")
    lockout.count("acme", "ana", "10.0.0.1")  # the owner, who is at another address
    fail(lockout, PAIR.free - 1, login="ben", address="203.0.113.9")


def test_many_addresses_against_one_login_are_slowed_down_too(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    for number in range(LOGIN.free):
        lockout.count("acme", "ana", f"203.0.113.{number}")
    with pytest.raises(LockedOut):
        lockout.count("acme", "ana", "203.0.113.200")


def test_one_address_against_many_logins_is_slowed_down_too(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    for number in range(ADDRESS.free):
        lockout.count("acme", f"ana{number}", f"2001:db8::{number:x}")  # one network has all of these
    with pytest.raises(LockedOut):
        lockout.count("acme", "ben", "2001:db8::ffff")
    lockout.count("acme", "ben", "2001:db9::1")


def test_a_right_password_clears_what_was_counted(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    fail(lockout, PAIR.free - 1)
    lockout.forgive(lockout.count("acme", "ana", "10.0.0.1"))
    fail(lockout, PAIR.free)


def test_right_passwords_from_an_office_do_not_lock_it_out(tmp_path, clock):
    lockout = Lockout(StaffFile(tmp_path / "staff.db"), clock)
    for number in range(3 * ADDRESS.free):
        lockout.forgive(lockout.count("acme", f"agent{number}", "10.0.0.1"))
    fail(lockout, 1)


def test_failures_are_forgotten_after_a_day_and_what_was_typed_is_never_kept(tmp_path, clock):
    file = StaffFile(tmp_path / "staff.db")
    lockout = Lockout(file, clock)
    fail(lockout, PAIR.free, login="hunter2")
    assert b"hunter2" not in str(file.rows("SELECT key FROM failures")).encode()
    clock.pass_s(86_401)
    lockout.count("acme", "ben", "10.0.0.2")
    assert len(file.rows("SELECT key FROM failures")) == 3


async def test_many_attempts_at_once_are_no_way_around(staff):
    add(staff, "ana")
    attempts = [
        staff.sign_in.sign_in("acme", "ana", f"wrong password {number}", address="10.0.0.1") for number in range(40)
    ]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds.count(SignInRefused) == PAIR.free
    assert kinds.count(LockedOut) == 40 - PAIR.free


# -- sessions


def test_a_session_ends_when_it_is_not_used_and_after_a_week_in_any_case(tmp_path, clock):
    sessions = Sessions(StaffFile(tmp_path / "staff.db"), SessionSettings(), clock)
    token, _ = sessions.begin("acme", "a1")
    clock.pass_s(12 * 3600 - 1)
    assert sessions.find(token) is not None  # which is a use
    clock.pass_s(12 * 3600 - 1)
    assert sessions.find(token) is not None
    clock.pass_s(12 * 3600)
    assert sessions.find(token) is None

    token, session = sessions.begin("acme", "a1")
    for _ in range(7 * 24):
        clock.pass_s(3600)
        sessions.use([session.id])
    assert sessions.find(token) is None
    assert sessions.live() == {}


def test_an_agent_has_a_bounded_number_of_sessions(tmp_path, clock):
    sessions = Sessions(StaffFile(tmp_path / "staff.db"), SessionSettings(each=3), clock)
    tokens = []
    for _ in range(5):
        clock.pass_s(1)
        tokens.append(sessions.begin("acme", "a1")[0])
    assert [sessions.find(token) is not None for token in tokens] == [False, False, True, True, True]


@pytest.mark.parametrize("token", ["", "x", "\udcff", "a" * 100_000])
def test_what_is_no_token_finds_no_session(staff, token):
    assert staff.sessions.find(token) is None


def test_disabling_an_agent_and_signing_out_everywhere_end_sessions(staff):
    ana, root = add(staff, "ana"), add(staff, "root", role=Role.ADMIN)
    tokens = [staff.sessions.begin("acme", ana.id)[0] for _ in range(2)]
    kept, _ = staff.sessions.begin("acme", root.id)
    staff.accounts.change(replace(ana, disabled=True), actor="command")
    assert [staff.sessions.find(token) for token in tokens] == [None, None]
    assert staff.sessions.find(kept) is not None
    assert staff.sessions.end_all("acme", root.id) == 1
    assert staff.sessions.find(kept) is None


# -- roles


def test_each_role_may_do_what_the_one_before_may():
    agent, supervisor, admin = (PERMISSIONS[role] for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN))
    assert agent < supervisor < admin
    assert admin == set(Permission)


def test_who_is_disabled_may_nothing():
    root = Agent(id="r", workspace="acme", login="r", name="R", role=Role.ADMIN, disabled=True)
    assert not any(may(root, permission) for permission in Permission)


# -- canned replies


def reply(**values):
    return CannedReply(id="", **{"shortcut": "hi", "text_en": "Hello {visitor}", **values})


def test_an_agent_writes_for_oneself_and_a_supervisor_for_all(staff):
    ana, sue = add(staff, "ana"), add(staff, "sue", role=Role.SUPERVISOR)
    with pytest.raises(NotYours):
        staff.canned.put(ana, reply(), ["general"], new=True)
    mine = staff.canned.put(ana, reply(mine=True), ["general"], new=True)
    shared = staff.canned.put(sue, reply(shortcut="bye"), ["general"], new=True)
    assert staff.canned.seen_by(ana) == [shared, mine]
    assert staff.canned.seen_by(sue) == [shared]
    with pytest.raises(NotYours):
        staff.canned.remove(ana, shared.id)
    with pytest.raises(NotYours):
        staff.canned.put(ana, replace(shared, text_en="Mine now", mine=True), ["general"], new=False)
    with pytest.raises(NoSuchThing):
        staff.canned.remove(sue, mine.id)
    staff.canned.remove(ana, mine.id)
    assert staff.canned.seen_by(ana) == [shared]


def test_a_department_keeps_its_replies_to_itself(staff):
    staff.accounts.put_department(DEPARTMENT, actor="command", new=True)
    ana = add(staff, "ana")
    root, bill = add(staff, "root", role=Role.ADMIN), add(staff, "bill", departments=("billing",))
    kept = staff.canned.put(root, reply(department="billing"), ["general", "billing"], new=True)
    assert [staff.canned.seen_by(who) for who in (ana, bill, root)] == [[], [kept], [kept]]


def test_nobody_sees_another_workspaces_replies(staff):
    root, eve = add(staff, "root", role=Role.ADMIN), add(staff, "eve", "globex", role=Role.ADMIN)
    kept = staff.canned.put(root, reply(), ["general"], new=True)
    assert staff.canned.seen_by(eve) == []
    for attempt in (
        lambda: staff.canned.remove(eve, kept.id), lambda: staff.canned.put(eve, kept, ["general"], new=False)
    ):  # fmt: skip
        with pytest.raises(NoSuchThing):
            attempt()


@pytest.mark.parametrize(
    "values",
    [{"shortcut": "a b"}, {"shortcut": ""}, {"text_en": " "}, {"text_en": "x" * 4001}, {"text_en": "{password}"},
     {"department": "nowhere"}, {"department": "general", "mine": True}, {"text_en": "a\0"}],
    ids=str,
)  # fmt: skip
def test_a_reply_of_which_a_value_is_wrong_is_refused(staff, values):
    root = add(staff, "root", role=Role.ADMIN)
    with pytest.raises(BadValue):
        staff.canned.put(root, reply(**values), ["general"], new=True)


# -- the file


def test_the_file_is_nobody_elses_to_read(staff, tmp_path):
    add(staff, "ana")
    assert (tmp_path / "staff.db").stat().st_mode & 0o077 == 0


def test_a_newer_file_is_left_alone(tmp_path):
    file = tmp_path / "staff.db"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StaffUnavailable, match="newer kefu"):
        Accounts(StaffFile(file)).load()

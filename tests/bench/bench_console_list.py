"""The console over a log of ten thousand conversations, 200 of them open with the agent who looks: is it fluid?

A log is filled, a server started over it, and the console opened in Chromium. Told of each step: how long until what is
asked for is drawn, and the long tasks of the page's thread (those over 50 ms) while it happens. The page loads the list
while it is scrolled to its end, so that the last steps are taken with all rows in memory.

    python tests/bench/bench_console_list.py --conversations 10000 --open 200 --json docs/bench/console_list.json

Needs playwright and a Chromium (KEFU_CHROMIUM).
"""

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from playwright.async_api import Page, async_playwright

from server.conversations.events import Acted, Action, Opened, Replied, Spoke
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, opened
from server.handoff.states import Handling, Moved, State, agent_name
from server.ids import new_id
from server.stores.protocols import Append
from server.stores.sqlite import SqliteLog
from tests.bench.served import KB, base
from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer

_AT_ONCE = 200
_STEP_MS = 60_000
_WORDS = ("parcel", "refund", "order", "invoice", "delivery", "size", "colour", "包裹", "退款", "发票", "订单")
WATCH = """
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((each) => each.duration)))
  .observe({ type: 'longtask', buffered: true });
"""
SCROLL = """async ([step, end]) => {
  const box = document.querySelector('.rows'), frames = [];
  let before = performance.now(), resting = 0;
  while (resting < 60) {
    const top = box.scrollTop;
    box.scrollTop = top + step;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    resting = box.scrollTop === top ? resting + 1 : 0;
  }
  frames.sort((a, b) => a - b);
  return { frames: frames.length, p50: frames[frames.length >> 1], p99: frames[Math.floor(frames.length * .99)],
    rows: Math.round(box.scrollHeight / 76), drawn: box.querySelectorAll('.row').length };
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an agent did."""

    name: str
    took_ms: float
    long_tasks: int
    longest_ms: float  # of them; 0: none was over 50 ms


def appends(count: int, mine: int, agent: str) -> Iterator[Append]:
    """Make conversations: some open with an agent, half of the others closed."""
    chance, now = Random(1), time.time_ns() // 1_000_000
    for number in range(count):
        at = now - (count - number) * 60_000
        body = Opened(kb=KB, language="en", page=f"https://shop.example/{number}")
        drafts = Drafts(opened("default", new_id(), f"visitor:{number:06}", body, at=at), at=at)
        drafts.add(new_id(), SYSTEM, body)
        for turn in range(1, 4):
            text = f"question {number} {' '.join(chance.sample(_WORDS, 5))}"
            drafts.add(new_id(), VISITOR, Spoke(text=text), turn=turn, client_msg_id=f"m{turn}")
            drafts.add(new_id(), BOT, Replied(decision="answer", text=f"answer {' '.join(chance.sample(_WORDS, 8))}"))
        if number >= count - mine:
            _move(drafts, State.ACTIVE, agent_name(agent))
        elif number % 2:
            _move(drafts, State.CLOSED, "")
        yield Append(head=drafts.head, events=tuple(drafts.events), opens=True)


def _move(drafts: Drafts, state: State, owner: str) -> None:
    before = drafts.head.handling
    if state is State.ACTIVE:
        drafts.add(new_id(), VISITOR, Acted(action=Action.HUMAN), turn=drafts.head.turn + 1, client_msg_id="h")
    handling = Handling(
        state=state, owner=owner, epoch=before.epoch + 1, owner_epoch=before.owner_epoch + 1, begun_at=before.begun_at,
        since=drafts.at, heard_at=drafts.at, closed_at=drafts.at if state is State.CLOSED else 0, language="en",
    )  # fmt: skip
    moved = Moved(
        transition="accepted", actor=owner or SYSTEM, reason="", from_state=before.state, to_state=state,
        handling=handling,
    )  # fmt: skip
    drafts.add(new_id(), owner or SYSTEM, moved)


async def fill(path: Path, count: int, mine: int, agent: str) -> None:
    """Write the log."""
    log = await SqliteLog.open(path)
    some: list[Append] = []
    for append in appends(count, mine, agent):
        some.append(append)
        if len(some) == _AT_ONCE:
            await asyncio.gather(*map(log.append, some))
            some.clear()
    await asyncio.gather(*map(log.append, some))
    await log.close()


class Looked:
    """Takes steps on a page, and notes what each cost."""

    def __init__(self, page: Page) -> None:
        """Take the page."""
        self.page = page
        self.steps: list[Step] = []

    async def step(self, name: str, *done: str) -> None:
        """End a step that began with the last one: wait until what the selectors name is drawn."""
        for each in done:
            await self.page.wait_for_selector(each, timeout=_STEP_MS)
        took = (time.perf_counter() - self._began) * 1000
        await self.page.wait_for_timeout(300)  # what is reported comes a little later
        tasks = await self.page.evaluate("window.tasks.splice(0)")
        self.steps.append(
            Step(name=name, took_ms=round(took, 1), long_tasks=len(tasks), longest_ms=round(max(tasks, default=0)))
        )

    def begin(self) -> None:
        """Begin a step."""
        self._began = time.perf_counter()


async def look(url: str, password: str) -> tuple[list[Step], dict[str, float]]:
    """Do what agents do with long lists."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("KEFU_CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        await page.add_init_script(WATCH)
        at = Looked(page)
        at.begin()
        await page.goto(f"{url}/console")
        await at.step("open the page", "input[name=login], input")
        await page.get_by_label("Login name").fill("ana")
        await page.get_by_label("Password").fill(password)
        at.begin()
        await page.get_by_role("button", name="Sign in").click()
        await at.step("sign in: 200 open conversations", ".row")
        at.begin()
        await page.locator(".row").first.click()
        await at.step("open one", ".timeline .line")
        at.begin()
        await page.get_by_role("textbox", name="Reply", exact=True).press_sequentially("How are you today? " * 6)
        await at.step("type 114 letters of a reply")
        at.begin()
        await page.get_by_role("tab", name="All").click()
        await at.step("open the list of all", ".tabs [aria-selected=true]:nth-child(4)", ".row")
        at.begin()
        scrolled = await page.evaluate(SCROLL, [400, 0])
        await at.step("scroll to its end, which loads it")
        at.begin()
        await page.evaluate("document.querySelector('.rows').scrollTop = 0")
        await page.evaluate(SCROLL, [2_000, 0])
        await at.step("scroll over all rows again")
        at.begin()
        await page.locator(".filter input").press_sequentially("parcel refund")
        await at.step("type 13 letters of a filter", ".row")
        at.begin()
        await page.locator(".filter input").fill("")
        await at.step("take the filter away", ".row")
        at.begin()
        await page.get_by_role("textbox", name="Reply", exact=True).press_sequentially("How are you today? " * 6)
        await at.step("type 114 letters of a reply, all rows in memory")
        await browser.close()
        return at.steps, scrolled


async def _measure(arguments: argparse.Namespace, home: Path) -> dict[str, object]:
    base(home, 100)
    password = add_agent(home, "ana", "--name", "Ana", "--role", "admin", "--capacity", "100")
    (agent,) = sqlite3.connect(home / "staff.db").execute("SELECT id FROM agents WHERE login = 'ana'").fetchone()
    await fill(home / "conversations.db", arguments.conversations, arguments.open, agent)
    with RunningServer(home) as server:
        steps, scrolled = await look(server.url, password)
    return {"conversations": arguments.conversations, "open": arguments.open, "scrolled": scrolled,
            "steps": [asdict(step) for step in steps]}  # fmt: skip


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--open", type=int, default=200)
    parser.add_argument("--json", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(arguments, Path(folder)))
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        Path(arguments.json).write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

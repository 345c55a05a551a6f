"""Visits over a network that drops requests: how many end without a working widget.

A page is opened over a proxy that cuts a seeded share of all requests, modules, loader and WebSocket alike, after they
were sent and before anything comes back; each has a connection of its own, so that the browser's silent second try on
a kept-alive connection does not hide a loss. The page itself always arrives. A visit works if the bubble is there
within `--patience` seconds, opens when it is pressed, and says that it is online.

    python tests/bench/bench_widget_loss.py --visits 300 --drop 0.03

Compares the one-line tag with the inline snippet, on first visits (an empty browser) and on repeat visits (a browser
that was here before). Needs playwright and a Chromium (KEFU_CHROMIUM); the knowledge base may be any.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, async_playwright
from playwright.async_api import Error as PlaywrightError

from tests.e2e.harness import RunningServer, widget_key

TAG = '<script src="/widget.js?key={key}" async></script>'
SNIPPET = """<script>
(function load(n) {{
  var s = document.createElement('script');
  s.src = '/widget.js?key={key}';
  s.async = true;
  s.onerror = function () {{ s.remove(); if (n < 10) setTimeout(load, Math.min(8000, 250 << n), n + 1); }};
  document.head.appendChild(s);
}})(0);
</script>"""
ONLINE = (
    "() => { const d = document.querySelector('#kefu-widget')?.shadowRoot.querySelector('.dot'); "
    "return d && !d.classList.contains('away'); }"
)


@dataclass
class Lossy:
    """A reverse proxy that drops requests, each with the same chance."""

    upstream: str
    key: str
    drop: float
    random: random.Random
    port: int = 0
    asked: int = 0
    dropped: int = 0
    http: aiohttp.ClientSession = field(init=False)

    async def start(self) -> web.AppRunner:
        """Listen on a free port."""
        self.http = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application()
        app.router.add_get("/page/{kind}", self.page)
        app.router.add_get("/{path:.*}", self.pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def page(self, request: web.Request) -> web.Response:
        """Give the embedding page."""
        script = {"tag": TAG, "snippet": SNIPPET}[request.match_info["kind"]].format(key=self.key)
        body = f'<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">{script}</head>'
        response = web.Response(text=f"{body}<body><h1>Shop</h1></body></html>", content_type="text/html")
        response.force_close()
        return response

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Give what the server gives, or nothing."""
        self.asked += 1
        if self.random.random() < self.drop:
            self.dropped += 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.tunnel(request)
        keep = {name: text for name, text in request.headers.items() if name.lower() not in ("host", "connection")}
        async with self.http.get(self.upstream + request.path_qs, headers=keep) as answer:
            body = await answer.read()
            skip = ("transfer-encoding", "content-length", "connection", "date", "server")
            headers = {name: text for name, text in answer.headers.items() if name.lower() not in skip}
            response = web.Response(status=answer.status, body=body, headers=headers)
        response.force_close()
        return response

    async def tunnel(self, request: web.Request) -> web.StreamResponse:
        """Pass frames both ways."""
        socket = web.WebSocketResponse(protocols=("kefu.v1.json",))
        await socket.prepare(request)
        async with self.http.ws_connect(self.upstream + request.path_qs, protocols=("kefu.v1.json",)) as far:

            async def back() -> None:
                async for message in far:
                    await socket.send_str(message.data)
                await socket.close(code=far.close_code or 1006)

            returning = asyncio.create_task(back())
            async for message in socket:
                await far.send_str(message.data)
            returning.cancel()
        return socket


@dataclass
class Tally:
    """What became of visits of one kind."""

    visits: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        """Give it as numbers."""
        ordered = sorted(self.seconds)
        at = {name: round(ordered[int(share * (len(ordered) - 1))], 2) for name, share in (("p50", 0.5), ("p99", 0.99))}
        return {"visits": self.visits, "failed": self.failed, **(at if ordered else {})}


async def visit(context: BrowserContext, url: str, tally: Tally, patience_s: float) -> None:
    """Open the page and use the widget."""
    page = await context.new_page()
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(patience_s):
            await page.goto(url)
            await page.locator("#kefu-widget .launch").click(timeout=patience_s * 1000)
            await page.wait_for_function(ONLINE, timeout=patience_s * 1000)
        tally.seconds.append(asyncio.get_running_loop().time() - began)
    except (PlaywrightError, TimeoutError):
        tally.failed += 1
    finally:
        tally.visits += 1
        sys.stderr.write(f"\r{tally.visits} visits, {tally.failed} failed ")
        await page.close()


async def first_visits(browser: Browser, url: str, visits: int, patience_s: float) -> Tally:
    """Each in an empty browser."""
    tally = Tally()
    for _ in range(visits):
        context = await browser.new_context()
        await visit(context, url, tally, patience_s)
        await context.close()
    return tally


async def repeat_visits(browser: Browser, url: str, visits: int, patience_s: float) -> Tally:
    """All in one browser, which has been here before."""
    context, tally = await browser.new_context(), Tally()
    while not tally.seconds:
        await visit(context, url, tally, patience_s)
    tally = Tally()
    for _ in range(visits):
        await visit(context, url, tally, patience_s)
    await context.close()
    return tally


async def run(home: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Measure all four kinds."""
    results: dict[str, object] = {"drop": arguments.drop, "seed": arguments.seed, "patience_s": arguments.patience}
    server = RunningServer(home)
    key = await asyncio.to_thread(widget_key, home)
    await asyncio.to_thread(server.start)
    lossy = Lossy(server.url, key, arguments.drop, random.Random(arguments.seed))
    runner = await lossy.start()
    path = os.environ.get("KEFU_CHROMIUM") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for kind in arguments.only or ("snippet", "tag"):
            url = f"http://127.0.0.1:{lossy.port}/page/{kind}"
            for name, measure in (("first", first_visits), ("repeat", repeat_visits)):
                tally = await measure(browser, url, arguments.visits, arguments.patience)
                results[f"{kind}, {name} visits"] = tally.summary()
                sys.stderr.write(f"{kind}, {name} visits\n")
        await browser.close()
    results["requests"], results["dropped"] = lossy.asked, lossy.dropped
    await lossy.http.close()
    await runner.cleanup()
    await asyncio.to_thread(server.kill)
    return results


def main() -> None:
    """Measure, and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=300)
    parser.add_argument("--drop", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--only", choices=("snippet", "tag"), action="append")
    parser.add_argument("--patience", type=float, default=30.0)
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(run(Path(folder), arguments))
    text = json.dumps(results, indent=2)
    print(text)  # noqa: T201  # this is what it is for
    if arguments.json:
        arguments.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""The widget as visitors meet it: a real Chromium, a real server, and a network that misbehaves."""

import asyncio
import json
import re
import shutil
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.e2e.harness import RunningServer, kefu, widget_key

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.async_api import expect

from tests.e2e.browser import CHINESE, ENGLISH, Page

pytestmark = pytest.mark.e2e

PAYLOADS = (
    "<script>window.__pwned = 1; alert(1)</script>",
    "<img src=x onerror=\"window.__pwned = 1; fetch('https://evil.example/a')\">",
    '"><svg onload="window.__pwned = 1"><circle/></svg>',
    "[press here](javascript:window.__pwned=1)",
    "[press here](JaVa\tScRiPt:alert(1))",
    "[press here](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![beacon](https://evil.example/pixel.png)",
    '![x](x"onerror="window.__pwned=1)',
    "<iframe src=\"javascript:parent.__pwned=1\"></iframe><base href='https://evil.example/'>",
    '<a href="javascript:window.__pwned=1" autofocus onfocus="window.__pwned=1">x</a>',
    "<style>@import 'https://evil.example/a.css';</style><link rel=stylesheet href=https://evil.example/b.css>",
    "**<b onmouseover=window.__pwned=1>bold</b>** `<script>window.__pwned=1</script>`",
    "<details open ontoggle=window.__pwned=1><math><mtext></mtext></math></details>",
    "&lt;script&gt;window.__pwned=1&lt;/script&gt; &#x3C;img src=x onerror=alert(1)&#x3E;",
    "{{constructor.constructor('window.__pwned=1')()}} ${window.__pwned=1}",
)
POISONED = "What is the zebra code of the payload entry?"


@pytest.fixture(scope="module")
def home(shop, tmp_path_factory):
    """The shop, and an entry whose answer somebody filled with attacks."""
    extra = tmp_path_factory.mktemp("poison") / "poison.jsonl"
    entry = {"id": "poison", "question": POISONED, "answer": "\n\n".join(PAYLOADS), "category": "<img src=x onerror=a>"}
    extra.write_text(json.dumps(entry) + "\n", "utf-8")
    kefu(shop, "ingest", extra, "--kb", "shop")
    return shop


@pytest.fixture(scope="module")
def server(home):
    with RunningServer(home, demo_kb="shop", origins="*") as running:
        yield running


@pytest.fixture
def another(home, tmp_path):
    """An installation that no server runs on."""
    return shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("*.log", "conversations.db*"))


@pytest.mark.parametrize(
    ("words", "question", "source", "answer"),
    [
        (CHINESE, "原价商品几天内可以退货？", "全价商品多少天内可以退货？", "30 天内"),
        (ENGLISH, "How many days do I have to return something I don't like?",
         "How many days do I have to return a full-price item?", "30 days"),
    ],
    ids=["chinese", "english"],
)  # fmt: skip
async def test_a_visitor_asks_and_sees_the_sourced_answer(server, new_page, words, question, source, answer):
    visitor = await (await new_page(words)).open(server.url)
    await visitor.say(question)
    await visitor.answered(1)
    await expect(visitor.page.locator("#kefu-widget .chip")).to_have_text([source])
    await expect(visitor.theirs.last).to_contain_text(answer)
    await visitor.state(0, "read")
    assert visitor.complaints == []
    assert visitor.hosts == {f"127.0.0.1:{server.port}"}


async def test_a_choice_is_pressed_answered_and_rated_and_all_of_it_is_there_after_a_reload(server, new_page):
    visitor = await (await new_page()).open(server.url)
    await visitor.say("delivery")
    choice = visitor.page.locator("#kefu-widget .choice").first
    label = await choice.inner_text()
    await choice.click()
    await visitor.answered(1)
    await expect(visitor.mine.last).to_have_text(label)
    await expect(choice).to_be_disabled()

    await visitor.page.get_by_role("button", name="This helped").click()
    await expect(visitor.page.get_by_text("Thank you!")).to_be_visible()
    await visitor.page.reload()
    await visitor.bubble.click()
    helped = visitor.page.get_by_role("button", name="This helped")
    await expect(helped).to_have_attribute("aria-pressed", "true")
    await expect(visitor.mine).to_have_text(["delivery", label])


async def test_who_asks_for_a_person_when_nobody_is_there_leaves_an_address(server, new_page):
    visitor = await (await new_page(CHINESE)).open(server.url)
    await visitor.page.get_by_role("button", name="转人工").click()
    await expect(visitor.mine).to_have_text(["转人工"])
    told = visitor.page.locator("#kefu-widget .told")
    await expect(told.last).to_contain_text("人工客服暂时不在", timeout=20_000)
    await told.get_by_role("textbox", name="您的邮箱").fill("ann@example.com")
    await told.locator("form").get_by_role("button", name="留言").click()
    await expect(told.last).to_contain_text("我们会回复到 ann@example.com", timeout=20_000)


async def test_what_is_said_without_a_network_is_kept_and_arrives_once(server, new_page):
    visitor = await (await new_page()).open(server.url)
    await visitor.say("hello")
    await visitor.state(0, "read")
    await visitor.page.context.set_offline(True)
    await visitor.say("How do I get an invoice?")
    await visitor.state(1, "sending")
    await expect(visitor.page.get_by_role("status")).to_contain_text("No connection")

    await visitor.page.context.set_offline(False)
    await visitor.state(1, "read")
    await expect(visitor.page.get_by_role("status")).to_be_hidden()
    await expect(visitor.mine).to_have_text(["hello", "How do I get an invoice?"])


async def test_a_message_whose_acknowledgement_is_lost_arrives_once(server, new_page):
    visitor = await new_page()
    says = []

    def between(socket):
        upstream = socket.connect_to_server()

        def to_server(message):
            upstream.send(message)
            if json.loads(message)["type"] == "say":
                says.append(message)

        def to_page(message):
            if len(says) == 1 and json.loads(message)["type"] in ("event", "ack"):
                asyncio.ensure_future(socket.close(code=3008, reason="lost"))  # noqa: RUF006  # ends with the page
            else:
                socket.send(message)

        socket.on_message(to_server)
        upstream.on_message(to_page)

    await visitor.page.route_web_socket(re.compile("/v1/ws"), between)
    await visitor.open(server.url)
    await visitor.say("How do I get an invoice?")
    await expect(visitor.theirs).not_to_have_count(0, timeout=20_000)
    await visitor.state(0, "read")
    await expect(visitor.mine).to_have_text(["How do I get an invoice?"])


async def test_two_tabs_show_the_same(server, new_page):
    first = await (await new_page()).open(server.url)
    await expect(first.page.locator("#kefu-widget .dot")).not_to_have_class("dot away")
    second = await Page(await first.page.context.new_page(), ENGLISH).open(server.url)
    await first.say("How many days do I have to return something I don't like?")
    await second.answered(1)
    await second.page.get_by_role("button", name="This helped").click()
    await expect(first.page.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "true")
    assert await first.mine.all_inner_texts() == await second.mine.all_inner_texts()


async def test_a_closed_widget_counts_what_is_unread(server, new_page):
    first = await (await new_page()).open(server.url)
    await first.say("hello")
    await first.state(0, "read")
    second = Page(await first.page.context.new_page(), ENGLISH)
    await second.page.goto(server.url)
    await expect(second.bubble).to_have_accessible_name("Open chat")
    await first.page.keyboard.press("Escape")
    await second.bubble.click()
    await second.say("How do I get an invoice?")
    await expect(first.bubble).to_have_accessible_name("Open chat, 1 unread", timeout=20_000)
    await expect(first.page.locator("#kefu-widget .badge")).to_have_text("1")


async def test_a_server_that_restarts_mid_answer_answers_all_the_same(another, new_page):
    with RunningServer(another, demo_kb="shop", drain_s="3", quiet_s="3", patience_s="5") as server:
        visitor = await (await new_page()).open(server.url)
        await visitor.say("delivery")  # the bot waits three seconds before it asks back
        await visitor.state(0, "sent")
        await asyncio.to_thread(server.restart)
        await expect(visitor.page.locator("#kefu-widget .choice").first).to_be_visible(timeout=30_000)
        await expect(visitor.mine).to_have_text(["delivery"])
        await expect(visitor.page.locator("#kefu-widget .choices")).to_have_count(1)


async def test_a_serving_process_that_is_killed_loses_nothing(another, new_page):
    with RunningServer(another, demo_kb="shop") as server:
        visitor = await (await new_page()).open(server.url)
        await visitor.say("hello")
        await visitor.state(0, "read")
        await asyncio.to_thread(server.kill_serving)
        await visitor.say("How many days do I have to return something I don't like?")
        await visitor.answered(1, within_s=60)
        await expect(visitor.mine).to_have_count(2)


async def test_no_text_of_anybody_becomes_markup_script_or_a_request(server, new_page):
    visitor = await (await new_page()).open(server.url)
    for payload in PAYLOADS[:8]:
        await visitor.say(payload)
    await expect(visitor.mine).to_have_count(8)
    await visitor.state(7, "read")
    await visitor.say(POISONED)
    poisoned = visitor.theirs.filter(has_text="constructor.constructor")
    await expect(poisoned).to_have_count(1, timeout=20_000)

    texts = await visitor.mine.all_inner_texts()
    assert [re.sub(r"\s", "", text) for text in texts[:8]] == [re.sub(r"\s", "", text) for text in PAYLOADS[:8]]
    inside = await visitor.page.evaluate(
        """() => {
          const root = document.querySelector('#kefu-widget').shadowRoot;
          const log = root.querySelector('.log');
          const foreign = log.querySelectorAll('script, img, iframe, base, link, style, object, embed, form, input');
          const elements = [...log.querySelectorAll('*')];
          const handlers = elements.filter((each) => [...each.attributes].some(({ name }) => name.startsWith('on')));
          const links = [...log.querySelectorAll('a')].map((each) => each.protocol);
          return { foreign: foreign.length, handlers: handlers.length, links, pwned: window.__pwned ?? null };
        }"""
    )
    assert inside == {"foreign": 0, "handlers": 0, "links": [], "pwned": None}
    assert visitor.complaints == []
    assert visitor.hosts == {f"127.0.0.1:{server.port}"}


@pytest.fixture
async def shop_site():
    """A site of somebody else; give it a page and a policy, and it gives its address."""
    servers = []

    async def serve(body, policy=""):
        async def page(_request):
            headers = {"Content-Security-Policy": policy} if policy else {}
            return web.Response(text=body, content_type="text/html", headers=headers)

        app = web.Application()
        app.router.add_get("/", page)
        app.router.add_get("/favicon.ico", page)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("")).rstrip("/")

    yield serve
    for server in servers:
        await server.close()


async def test_a_key_that_is_not_valid_is_said_and_not_tried_again_and_again(server, new_page, shop_site):
    visitor = await new_page()
    await visitor.open(await shop_site(bare_page(server.url, "wk_no")))
    await expect(visitor.page.get_by_role("status")).to_contain_text("not set up correctly")
    await expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()


async def test_a_page_of_another_site_with_a_strict_policy_may_show_the_widget(another, new_page, shop_site):
    key = widget_key(another, "shop")
    with RunningServer(another, origins="*") as server:
        site = await shop_site(
            bare_page(server.url, key),
            f"default-src 'none'; script-src {server.url}; connect-src {server.url} {server.url.replace('http', 'ws')}",
        )
        visitor = await (await new_page()).open(site)
        await visitor.say("How many days do I have to return something I don't like?")
        await visitor.answered(1)
        assert visitor.complaints == []
        assert visitor.hosts == {urlsplit(site).netloc, urlsplit(server.url).netloc}
        assert (await visitor.page.request.get(server.url + "/")).status == 404


async def test_a_loader_older_than_the_server_fetches_its_successor(server, new_page):
    visitor = await new_page()
    loads = []

    async def old(route):
        loads.append(route.request.url)
        answer = await route.fetch()
        text = await answer.text()
        if "fresh=" not in route.request.url:
            text = re.sub(r"VERSION = '\w+'", "VERSION = '0123456789abcdef'", text)
        await route.fulfill(response=answer, body=text)

    await visitor.page.route("**/widget.js?*", old)
    await visitor.open(server.url)
    assert len(loads) == 2
    await expect(visitor.page.locator("#kefu-widget")).to_have_count(1)


async def test_the_keyboard_alone_is_enough_and_escape_gives_the_focus_back(server, new_page):
    visitor = await new_page()
    await visitor.page.goto(server.url)
    await visitor.bubble.focus()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.box).to_be_focused()
    await visitor.page.keyboard.type("hello")
    await visitor.page.keyboard.press("Enter")
    await visitor.state(0, "read")
    for _ in range(12):  # more often than there are stops: the focus stays within
        await visitor.page.keyboard.press("Tab")
    inside = "() => Boolean(document.activeElement.shadowRoot?.activeElement?.closest('[role=dialog]'))"
    assert await visitor.page.evaluate(inside)
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.bubble).to_be_focused()
    await expect(visitor.page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_conversation_has_no_fault_that_axe_finds(server, new_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is not installed")
    visitor = await (await new_page(color_scheme=scheme)).open(server.url)
    await visitor.say("How many days do I have to return something I don't like?")
    await visitor.answered(1)
    await visitor.say("delivery")
    await expect(visitor.page.locator("#kefu-widget .choice").first).to_be_visible(timeout=20_000)
    await visitor.page.wait_for_function("!document.querySelector('#kefu-widget').shadowRoot.getAnimations().length")
    found = await axe.Axe().run(visitor.page)
    assert found.violations_count == 0, found.generate_report()


async def test_on_a_phone_the_conversation_fills_the_screen_and_nothing_is_wider_than_it(server, new_page):
    visitor = await new_page(CHINESE, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await visitor.open(server.url)
    await visitor.say("长" * 300 + " https://a.example/" + "x" * 300)
    await visitor.state(0, "sent")
    panel = await visitor.page.get_by_role("dialog").bounding_box()
    assert (panel["x"], panel["y"], panel["width"], panel["height"]) == (0, 0, 360, 640)
    await expect(visitor.bubble).to_be_hidden()
    log = visitor.page.get_by_role("log")
    assert await log.evaluate("(log) => log.scrollWidth <= log.clientWidth")


async def test_styles_of_the_page_and_of_the_widget_do_not_meet(server, new_page):
    visitor = await new_page()
    await visitor.page.goto(server.url)
    ugly = "* { color: rgb(255, 0, 0) !important; font-size: 40px !important; } button { display: none !important; }"
    before = await visitor.page.locator("h1").evaluate("(each) => getComputedStyle(each).fontSize")
    await visitor.bubble.click()
    await expect(visitor.box).to_be_visible()
    assert await visitor.page.locator("h1").evaluate("(each) => getComputedStyle(each).fontSize") == before
    await visitor.page.evaluate(
        "(css) => { const own = new CSSStyleSheet(); own.replaceSync(css); document.adoptedStyleSheets = [own]; }",
        ugly,
    )
    await expect(visitor.bubble).to_be_visible()
    assert await visitor.box.evaluate("(each) => getComputedStyle(each).fontSize") == "15px"


def bare_page(url, key):
    return (
        '<!doctype html><html lang="en"><head><title>A shop</title>'
        f'<script src="{url}/widget.js?key={key}" async></script></head><body><h1>Shop</h1></body></html>'
    )

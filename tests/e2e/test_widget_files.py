"""Pictures and documents in the widget: chosen, dropped, pasted, sent over a bad network, seen by nobody else."""

import asyncio
import base64
import json
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.e2e.harness import RunningServer, kefu, widget_key

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.async_api import expect

from tests.e2e.browser import CHINESE
from tests.fakes.files import PDF, SVG, photo_with_a_place, picture

pytestmark = pytest.mark.e2e

PHOTO = {"name": "IMG_0001.JPG", "mimeType": "image/jpeg", "buffer": photo_with_a_place()}
INVOICE = {"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": PDF}
NAMES = (
    "<img src=x onerror=window.__pwned=1>.png",
    '"><svg onload=window.__pwned=1>.png',
    "javascript:window.__pwned=1.png",
    "{{constructor.constructor('window.__pwned=1')()}}.png",
    "<script>window.__pwned=1</script>.png",
    "</button><iframe srcdoc='<script>parent.__pwned=1</script>'>.png",
    "a\u202egnp.exe",
)
BRING = """([how, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const root = document.querySelector('#kefu-widget').shadowRoot;
  const [target, event] = how === 'paste'
    ? [root.querySelector('textarea'), new ClipboardEvent('paste', { clipboardData: transfer })]
    : [root.querySelector('.panel'), new DragEvent(how, { dataTransfer: transfer })];
  Object.defineProperty(event, 'bubbles', { value: true });
  target.dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def server(shop):
    with RunningServer(shop, demo_kb="shop", origins="*") as running:
        yield running


def tray(visitor):
    return visitor.page.locator("#kefu-widget .tray li")


async def attach(visitor, *files):
    await visitor.page.locator("#kefu-widget input[type=file]").set_input_files(list(files))


async def arrived(visitor, count):
    """Wait until that many files are there to be sent."""
    await expect(tray(visitor)).to_have_count(count)
    await expect(visitor.page.locator("#kefu-widget .tray progress:visible")).to_have_count(0, timeout=60_000)


async def drawn(visitor, count):
    """Wait until that many pictures of the conversation are drawn."""
    await expect(visitor.page.locator("#kefu-widget .picture canvas")).to_have_count(count, timeout=60_000)


def kept(server):
    return [path for path in (server.home / "files").rglob("*") if path.is_file()]


async def test_a_photo_and_a_document_are_sent_seen_and_there_after_a_reload(server, new_page):
    visitor = await (await new_page(CHINESE)).open(server.url)
    before = len(kept(server))
    await attach(visitor, PHOTO, INVOICE)
    await arrived(visitor, 2)
    await visitor.say("这个坏了，请看照片")
    await drawn(visitor, 1)
    await expect(visitor.page.locator("#kefu-widget .row.mine .document .name")).to_have_text(["invoice.pdf"])
    await expect(visitor.mine).to_have_text(["这个坏了，请看照片"])
    await expect(tray(visitor)).to_have_count(0)

    await visitor.page.reload()
    await visitor.bubble.click()
    await drawn(visitor, 1)
    left = await visitor.page.locator("#kefu-widget .picture canvas").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(4, 4, 1, 1).data.slice(0, 3)]"
    )
    assert max(left) < 40  # it stands upright: dark at the top
    assert visitor.complaints == []
    assert visitor.hosts == {f"127.0.0.1:{server.port}"}
    assert len(kept(server)) == before + 2
    assert not any(b"SECRET" in path.read_bytes() for path in kept(server))


async def test_a_picture_alone_is_a_message_and_is_answered(server, new_page):
    visitor = await (await new_page()).open(server.url)
    await attach(visitor, PHOTO)
    await arrived(visitor, 1)
    await visitor.page.get_by_role("button", name="Send", exact=True).click()
    await drawn(visitor, 1)
    await expect(visitor.theirs.last).to_contain_text("in words", timeout=60_000)
    await expect(visitor.mine).to_have_count(0)  # no empty bubble


async def test_files_are_dropped_and_pasted(server, new_page):
    visitor = await (await new_page()).open(server.url)
    data = base64.b64encode(picture("PNG")).decode()
    await visitor.page.evaluate(BRING, ["dragover", "a.png", "image/png", data])
    await expect(visitor.page.locator("#kefu-widget .drop")).to_be_visible()
    await visitor.page.evaluate(BRING, ["drop", "dropped.png", "image/png", data])
    await visitor.page.evaluate(BRING, ["paste", "image.png", "image/png", data])
    await arrived(visitor, 2)
    await expect(visitor.page.locator("#kefu-widget .tray .name")).to_have_text(["dropped.png", "image.png"])
    await expect(visitor.page.locator("#kefu-widget .drop")).to_be_hidden()
    await visitor.page.get_by_role("button", name="Remove dropped.png").click()
    await expect(tray(visitor)).to_have_count(1)


async def test_what_is_not_taken_is_said_and_keeps_nobody_from_sending(server, new_page):
    visitor = await (await new_page()).open(server.url)
    large = {"name": "large.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-" + bytes(10 << 20)}
    drawing = {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": SVG}
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": picture("PNG", (300, 300))[:120]}
    await attach(visitor, large, drawing, broken, INVOICE)
    states = visitor.page.locator("#kefu-widget .tray .bad .state")
    kinds, damaged = "Only pictures (PNG, JPEG, WebP, GIF) and PDF.", "Cannot be read. Save it as a new file."
    await expect(states).to_have_text(["Larger than 10.0 MB.", kinds, damaged], timeout=60_000)
    await arrived(visitor, 4)
    await visitor.page.get_by_role("button", name="Send", exact=True).click()
    await expect(visitor.page.locator("#kefu-widget .row.mine .document")).to_have_count(1)
    await expect(tray(visitor)).to_have_count(0)


async def test_an_upload_that_the_network_breaks_goes_on_by_itself(server, new_page):
    visitor = await (await new_page()).open(server.url)
    tries = []

    async def fail_twice(route):
        tries.append(route.request.url)
        if len(tries) <= 2:
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await visitor.page.route(re.compile("/v1/uploads"), fail_twice)
    before = len(kept(server))
    await attach(visitor, INVOICE)
    await arrived(visitor, 1)
    assert len(tries) == 3
    assert len(kept(server)) == before + 1


async def test_a_message_that_waits_for_the_network_names_its_file_which_is_sent_once(server, new_page):
    visitor = await (await new_page()).open(server.url)
    before, uploads = len(kept(server)), []
    visitor.page.on("request", lambda request: uploads.append(1) if "/v1/uploads" in request.url else None)
    await attach(visitor, PHOTO)
    await arrived(visitor, 1)
    await visitor.page.context.set_offline(True)
    await visitor.say("see the picture")
    await visitor.state(0, "sending")
    await drawn(visitor, 1)  # from what was sent: there is no network

    await visitor.page.context.set_offline(False)
    await visitor.state(0, "read", within_s=60)
    await visitor.page.reload()
    await visitor.bubble.click()
    await drawn(visitor, 1)
    await expect(visitor.mine).to_have_text(["see the picture"])
    assert len(uploads) == 1
    assert len(kept(server)) == before + 1


async def test_a_picture_opens_in_a_tab_by_a_link_and_a_document_is_saved(server, new_page):
    visitor = await (await new_page()).open(server.url)
    await attach(visitor, PHOTO, INVOICE)
    await arrived(visitor, 2)
    await visitor.say("here")
    await drawn(visitor, 1)
    async with visitor.page.expect_popup() as opened:
        await visitor.page.get_by_role("button", name="Open picture IMG_0001.jpg").click()
    tab = await opened.value
    await tab.wait_for_url(re.compile(r"/v1/files/[\w-]{22}\?ticket="), timeout=60_000)
    assert await tab.evaluate("() => [window.opener, document.contentType]") == [None, "image/jpeg"]
    saved = asyncio.get_running_loop().create_future()
    visitor.page.context.on("page", lambda page: page.on("download", lambda file: saved.set_result(file)))
    await visitor.page.get_by_role("button", name="Open file invoice.pdf").click()
    assert (await asyncio.wait_for(saved, 60)).suggested_filename == "invoice.pdf"


async def test_no_name_of_a_file_becomes_markup_script_or_a_request(server, new_page):
    visitor = await (await new_page()).open(server.url)
    for name in NAMES:
        await attach(visitor, {"name": name, "mimeType": "image/png", "buffer": picture("PNG")})
    await arrived(visitor, len(NAMES))
    await attach(visitor, {"name": NAMES[0].replace("png", "svg"), "mimeType": "image/svg+xml", "buffer": SVG})
    await arrived(visitor, len(NAMES) + 1)
    await visitor.say("see")
    await drawn(visitor, len(NAMES))
    await visitor.page.reload()
    await visitor.bubble.click()
    await drawn(visitor, len(NAMES))
    inside = await visitor.page.evaluate(
        """() => {
          const log = document.querySelector('#kefu-widget').shadowRoot.querySelector('.panel');
          const foreign = log.querySelectorAll('script, img, iframe, base, link, object, embed, svg[onload]');
          const elements = [...log.querySelectorAll('*')];
          const handlers = elements.filter((each) => [...each.attributes].some(({ name }) => name.startsWith('on')));
          return { foreign: foreign.length, handlers: handlers.length, pwned: window.__pwned ?? null };
        }"""
    )
    assert inside == {"foreign": 0, "handlers": 0, "pwned": None}
    assert [text for text in visitor.complaints if "415" not in text] == []  # the browser notes the one refused
    assert visitor.hosts == {f"127.0.0.1:{server.port}"}


async def test_pictures_are_shown_on_a_page_whose_policy_allows_no_images(shop, server, new_page):
    key = widget_key(shop, "shop")
    policy = f"default-src 'none'; script-src {server.url}; connect-src {server.url} {server.url.replace('http', 'ws')}"

    async def page(_request):
        script = f'<script src="{server.url}/widget.js?key={key}" async></script>'
        body = f'<!doctype html><html lang="en"><title>shop</title>{script}'
        return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": policy})

    app = web.Application()
    app.router.add_get("/{any:.*}", page)
    async with TestServer(app) as site:
        visitor = await (await new_page()).open(str(site.make_url("/")))
        await attach(visitor, PHOTO)
        await arrived(visitor, 1)
        await visitor.say("see")
        await visitor.state(0, "read", within_s=60)
        await visitor.page.reload()
        await visitor.bubble.click()
        await drawn(visitor, 1)
        assert visitor.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_files_have_no_fault_that_axe_finds_and_move_nothing_when_they_come(server, new_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is not installed")
    visitor = await (await new_page(color_scheme=scheme)).open(server.url)
    await attach(visitor, PHOTO, INVOICE)
    await arrived(visitor, 2)
    await visitor.say("see")
    await drawn(visitor, 1)
    drawing = {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": SVG}
    await attach(visitor, INVOICE, drawing)
    await expect(visitor.page.locator("#kefu-widget .tray .bad")).to_have_count(1, timeout=60_000)
    await arrived(visitor, 2)
    await visitor.page.wait_for_function("!document.querySelector('#kefu-widget').shadowRoot.getAnimations().length")
    found = await axe.Axe().run(visitor.page)
    assert found.violations_count == 0, found.generate_report()

    gate = asyncio.Event()

    async def late(route):
        await gate.wait()
        await route.continue_()

    await visitor.page.route(re.compile(r"/v1/files/"), late)
    await visitor.page.reload()
    await visitor.bubble.click()
    room = visitor.page.locator("#kefu-widget .picture")
    before = await room.bounding_box()
    assert (before["width"], before["height"]) == pytest.approx((200, 150), abs=0.1)
    gate.set()
    await drawn(visitor, 1)
    after = await room.bounding_box()
    assert (after["width"], after["height"]) == pytest.approx((200, 150), abs=0.1)


async def test_a_visitor_that_is_erased_leaves_no_file(shop, server, new_page):
    secret = kefu(shop, "keys", "add", "--secret", "admin").split()[0]
    headers = {"Authorization": f"Bearer {secret}"}
    visitor = await (await new_page()).open(server.url)
    before = set(kept(server))
    await attach(visitor, PHOTO)
    await arrived(visitor, 1)
    await visitor.say("see")
    await visitor.state(0, "read", within_s=60)
    newest = await visitor.page.request.get(f"{server.url}/v1/conversations?limit=1", headers=headers)
    name = json.loads(await newest.text())["items"][0]["visitor"]
    gone = await visitor.page.request.delete(f"{server.url}/v1/visitors/{name}", headers=headers)
    assert json.loads(await gone.text()).get("files") == 1, await gone.text()
    assert set(kept(server)) == before

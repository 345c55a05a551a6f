"""A browser with the widget in a page, and the visitor in front of it."""

from urllib.parse import urlsplit

from playwright.async_api import expect

ENGLISH = {"box": "Your message"}
CHINESE = {"box": "输入消息"}


class Page:
    """A page with the widget, and the visitor in front of it."""

    def __init__(self, page, words):
        self.page, self.words = page, words
        self.hosts, self.complaints = set(), []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    async def open(self, url):
        await self.page.goto(url)
        await self.bubble.click()
        await expect(self.box).to_be_visible()
        return self

    @property
    def bubble(self):
        return self.page.locator("#kefu-widget .launch")

    @property
    def box(self):
        return self.page.get_by_role("textbox", name=self.words["box"])

    @property
    def mine(self):
        return self.page.locator("#kefu-widget .row.mine .bubble")

    @property
    def theirs(self):
        return self.page.locator("#kefu-widget .row:not(.mine) .bubble.text")

    async def say(self, text):
        await self.box.fill(text)
        await self.box.press("Enter")

    async def answered(self, count, within_s=20):
        """Wait until that many answers could be rated."""
        await expect(self.page.locator("#kefu-widget .rate")).to_have_count(count, timeout=within_s * 1000)

    async def state(self, place, state, within_s=20):
        meta = self.page.locator("#kefu-widget .row.mine .meta").nth(place)
        await expect(meta).to_have_attribute("data-state", state, timeout=within_s * 1000)

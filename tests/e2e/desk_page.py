"""An agent in front of the console, in a browser of their own."""

from urllib.parse import urlsplit

from playwright.async_api import expect


class DeskPage:
    """A signed-in agent, in English."""

    def __init__(self, page):
        self.page, self.complaints, self.hosts = page, [], set()
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    async def sign_in(self, url, login, password):
        await self.page.goto(f"{url}/console")
        await self.page.get_by_label("Login name").fill(login)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("tab", name="Mine")).to_be_visible(timeout=30_000)
        return self

    async def be(self, presence):
        await self.page.locator(".me-button").click()
        await self.page.get_by_role("menuitemradio", name=presence).click()
        await expect(self.page.locator(".me-button")).to_have_attribute(
            "aria-label", f"My status: {presence}", timeout=30_000
        )

    @property
    def ring(self):
        return self.page.locator(".ring")

    async def accept(self):
        await self.ring.get_by_role("button", name="Accept").click(timeout=30_000)
        await expect(self.page.get_by_role("textbox", name="Reply")).to_be_enabled(timeout=30_000)

    async def box(self, name):
        await self.page.get_by_role("tab", name=name).click()

    async def open_first(self):
        await self.page.locator(".row").first.click()

    async def say(self, text):
        field = self.page.get_by_role("textbox", name="Reply", exact=True)
        await field.fill(text)
        await field.press("Enter")

    async def note(self, text):
        await self.page.get_by_role("tab", name="Note").click()
        field = self.page.get_by_role("textbox", name="Note", exact=True)
        await field.fill(text)
        await field.press("Enter")

    async def dialog(self, button, *, confirm):
        """Open what a button asks; give the dialog and what confirms it."""
        await self.page.locator(".conversation-head").get_by_role("button", name=button).click()
        asked = self.page.get_by_role("dialog")
        return asked, asked.get_by_role("button", name=confirm, exact=True)

    def line(self, text):
        return self.page.locator(".timeline").get_by_text(text)

"""An ingested shop, made once for all end-to-end tests; each module changes a copy of its own."""

import os
import shutil

import pytest

from tests.e2e.harness import SAMPLES, kefu


@pytest.fixture(scope="session")
def ingested(tmp_path_factory):
    home = tmp_path_factory.mktemp("ingested")
    kefu(home, "ingest", SAMPLES, "--kb", "shop")
    return home


@pytest.fixture(scope="module")
def shop(ingested, tmp_path_factory):
    home = tmp_path_factory.mktemp("shop") / "home"
    shutil.copytree(ingested, home)
    return home


@pytest.fixture
async def chromium():
    playwright_api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    path = os.environ.get("KEFU_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def new_page(chromium):
    from tests.e2e.browser import CHINESE, ENGLISH, Page

    contexts = []

    async def make(words=ENGLISH, **context):
        made = await chromium.new_context(locale="zh-CN" if words is CHINESE else "en-GB", **context)
        contexts.append(made)
        return Page(await made.new_page(), words)

    yield make
    for context in contexts:
        await context.close()

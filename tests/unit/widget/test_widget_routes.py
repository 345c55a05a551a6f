"""Where the widget is found, how long it may be kept, and when the demonstration page is there."""

import re

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.access.keys import Keys
from server.parts import KEYS
from server.widget.assets import assets
from server.widget.demo import demo_key
from server.widget.routes import add_routes


@pytest.fixture
async def get(tmp_path):
    """Ask a server with the demonstration page, and one without."""
    keys, servers = Keys(tmp_path / "keys.db"), {}
    for demo_kb in ("shop", ""):
        app = web.Application()
        app[KEYS] = keys
        add_routes(app, demo_kb=demo_kb)
        servers[demo_kb] = TestServer(app)
        await servers[demo_kb].start_server()
    async with aiohttp.ClientSession() as http:

        async def ask(path, *, demo_kb="", **headers):
            url = servers[demo_kb].make_url(path)
            async with http.get(
                url, headers={name.replace("_", "-"): text for name, text in headers.items()}
            ) as answer:
                await answer.read()
                return answer

        yield ask
    for server in servers.values():
        await server.close()
    keys.close()


async def test_modules_are_kept_for_ever_under_an_address_that_changes_with_them(get):
    answer = await get(f"/widget/{assets().version}/app.js")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.content_type == "text/javascript"


async def test_modules_of_another_version_are_gone_and_not_kept(get):
    answer = await get("/widget/0123456789abcdef/app.js")
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize("name", ["widget.js", "..%2froutes.py", "nothing.js"])
async def test_nothing_but_modules_is_found_there(get, name):
    assert (await get(f"/widget/{assets().version}/{name}")).status == 404


async def test_the_loader_is_asked_about_again_soon_and_costs_nothing_if_unchanged(get):
    answer = await get("/widget.js?key=wk_1")
    assert "max-age=300" in answer.headers["Cache-Control"]
    assert "stale-while-revalidate" in answer.headers["Cache-Control"]
    again = await get("/widget.js?key=wk_1", If_None_Match=answer.headers["ETag"])
    assert again.status == 304


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_scripts_are_compressed_for_who_can_read_that(get, accepted, encoding):
    answer = await get(f"/widget/{assets().version}/client.js", Accept_Encoding=accepted)
    assert answer.headers.get("Content-Encoding") == encoding
    assert await answer.text("utf-8") == assets().modules["client.js"].plain.decode()


async def test_the_client_alone_has_an_address_that_stays_and_brings_parts_that_fit_together(get):
    answer = await get("/client.js")
    (path,) = re.findall(r"from '\.(/widget/\w+/client\.js)'", await answer.text("utf-8"))
    assert answer.headers["Cache-Control"] == "no-cache"
    client = await get(path)
    for part in re.findall(r"from '\./(.+?)'", await client.text("utf-8")):
        assert (await get(path.replace("client.js", part))).status == 200


async def test_without_a_knowledge_base_for_it_there_is_no_demonstration_page(get):
    assert (await get("/")).status == 404


@pytest.mark.parametrize(
    ("path", "preferred", "language"),
    [
        ("/", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("/", "de-DE,en;q=0.8,zh;q=0.2", "en"),
        ("/", "fr", "en"),
        ("/?lang=zh", "en", "zh-CN"),
        ("/?lang=%3Cscript%3E", "en", "en"),
    ],
)
async def test_the_demonstration_page_speaks_the_visitors_language(get, path, preferred, language):
    answer = await get(path, demo_kb="shop", Accept_Language=preferred)
    assert f'<html lang="{language}">' in await answer.text()


async def test_the_demonstration_page_allows_no_script_but_ours(get):
    answer = await get("/", demo_kb="shop")
    text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy).group(1)
    assert f'<script nonce="{nonce}">' in text
    assert "unsafe" not in policy
    assert re.search(r"widget\.js\?key=wk_[\w-]+'", text)
    assert "{{" not in text
    assert nonce not in (await get("/", demo_kb="shop")).headers["Content-Security-Policy"]


def test_the_demonstration_key_is_made_once_and_again_when_it_was_revoked(tmp_path):
    keys = Keys(tmp_path / "keys.db")
    first = demo_key(keys, "shop")
    assert demo_key(keys, "shop") == first
    assert demo_key(keys, "other") != first
    keys.revoke("default", first)
    assert demo_key(keys, "shop") != first
    keys.close()

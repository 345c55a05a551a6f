"""Who may do what: keys, tokens, and the gate of the WebSocket."""

import threading

import jwt
import pytest

from server.access.gate import WidgetGate
from server.access.keys import Keys, Scope
from server.access.tokens import Tokens, identity_of, installation_secret
from server.connections.credentials import Credential, Refused

SECRET = b"s" * 32


@pytest.fixture
def keys(tmp_path):
    keys = Keys(tmp_path / "keys.db")
    yield keys
    keys.close()


def tokens(now=1000.0, secret=SECRET):
    return Tokens(secret, lifetime_s=60, now=lambda: now)


async def admitted(keys, now=1000.0, **credential):
    return await WidgetGate(keys, tokens(now)).admit(Credential(**credential))


def test_a_secret_key_is_found_by_its_secret_and_the_secret_is_stored_nowhere(keys, tmp_path):
    key, secret = keys.add_secret("acme", scopes=(Scope.ASK,), name="crm")

    assert keys.secret(secret) == key
    assert keys.secret(secret + "x") is None
    keys.close()
    assert secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_revoked_key_is_found_no_more_and_only_its_own_workspace_revokes_it(keys):
    widget = keys.add_widget("acme", kb="shop")
    assert not keys.revoke("other", widget.id)
    assert keys.widget(widget.id) == widget

    before = keys.change_counter()
    assert keys.revoke("acme", widget.id)
    assert keys.widget(widget.id) is None
    assert keys.change_counter() != before
    assert [key.revoked for key in keys.all("acme")] == [True]


def test_a_page_that_a_live_widget_lists_may_show_it(keys):
    assert not keys.may_show("https://shop.example")
    widget = keys.add_widget("acme", kb="shop", origins=("https://shop.example", "blog.example"))

    assert keys.may_show("https://shop.example")
    assert keys.may_show("https://blog.example")
    assert not keys.may_show("https://shop.example.evil.example")
    keys.revoke("acme", widget.id)
    assert not keys.may_show("https://shop.example")


async def test_a_widget_key_makes_a_new_visitor_each_time_and_its_token_brings_that_one_back(keys):
    widget = keys.add_widget("acme", kb="shop")
    first, second = await admitted(keys, key=widget.id), await admitted(keys, key=widget.id)
    back = await admitted(keys, token=first.token)

    assert (first.workspace, first.kb, first.verified) == ("acme", "shop", False)
    assert first.visitor != second.visitor
    assert back.visitor == first.visitor


async def test_a_visitor_whom_the_site_vouches_for_is_the_same_on_every_device(keys):
    widget = keys.add_widget("acme", kb="shop")
    signature = identity_of(widget.identity_secret, "4711")
    phone = await admitted(keys, key=widget.id, user="4711", signature=signature)
    tablet = await admitted(keys, key=widget.id, user="4711", signature=signature)

    assert phone.verified
    assert phone.visitor == tablet.visitor == "user:4711"


@pytest.mark.parametrize(
    ("user", "signed"),
    [("4712", "4711"), ("4711", ""), ("x" * 201, "x" * 201)],
    ids=["another", "unsigned", "too-long"],
)
async def test_nobody_becomes_a_known_visitor_without_the_sites_word(keys, user, signed):
    widget = keys.add_widget("acme", kb="shop")
    signature = identity_of(widget.identity_secret, signed) if signed else ""

    with pytest.raises(Refused):
        await admitted(keys, key=widget.id, user=user, signature=signature)


async def test_a_key_that_was_revoked_admits_nobody_not_even_with_an_older_token(keys):
    widget = keys.add_widget("acme", kb="shop")
    grant = await admitted(keys, key=widget.id)
    keys.revoke("acme", widget.id)

    with pytest.raises(Refused):
        await admitted(keys, key=widget.id)
    with pytest.raises(Refused):
        await admitted(keys, token=grant.token)


async def test_a_key_is_good_for_its_own_pages_and_one_without_a_list_for_programs_too(keys):
    widget = keys.add_widget("acme", kb="shop", origins=("https://shop.example",))

    await admitted(keys, key=widget.id, origin="https://shop.example")
    for origin in ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"):
        with pytest.raises(Refused):
            await admitted(keys, key=widget.id, origin=origin)
    with pytest.raises(Refused):
        await admitted(keys, key=widget.id)
    await admitted(keys, key=keys.add_widget("acme", kb="shop").id)


async def test_who_names_no_page_is_let_in_by_a_token_or_by_the_sites_word(keys):
    widget = keys.add_widget("acme", kb="shop", origins=("https://shop.example",))
    grant = await admitted(keys, key=widget.id, origin="https://shop.example")

    assert (await admitted(keys, token=grant.token)).visitor == grant.visitor
    signature = identity_of(widget.identity_secret, "4711")
    assert (await admitted(keys, key=widget.id, user="4711", signature=signature)).verified
    with pytest.raises(Refused):
        await admitted(keys, token=grant.token, origin="https://evil.example")


async def test_an_old_token_is_refused_as_old_so_that_another_one_is_fetched(keys):
    widget = keys.add_widget("acme", kb="shop")
    grant = await admitted(keys, key=widget.id)

    await admitted(keys, now=1059, token=grant.token)
    with pytest.raises(Refused) as refused:
        await admitted(keys, now=1060, token=grant.token)
    assert refused.value.expired


@pytest.mark.parametrize("forge", ["other-secret", "no-algorithm", "other-audience", "cut", "empty"])
async def test_a_token_that_we_did_not_sign_is_refused(keys, forge):
    widget = keys.add_widget("acme", kb="shop")
    good, _ = tokens().make(workspace="acme", visitor="user:4711", kb="shop", key=widget.id, verified=True)
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = {
        "other-secret": jwt.encode(claims, b"t" * 32, "HS256"),
        "no-algorithm": jwt.encode(claims, None, "none"),
        "other-audience": jwt.encode({**claims, "aud": "kefu.agent"}, SECRET, "HS256"),
        "cut": good[:-3],
        "empty": "..",
    }[forge]

    with pytest.raises(Refused) as refused:
        await admitted(keys, token=forged)
    assert not refused.value.expired


async def test_a_token_never_crosses_to_another_workspace(keys):
    widget = keys.add_widget("acme", kb="shop")
    foreign, _ = tokens().make(workspace="other", visitor="user:1", kb="shop", key=widget.id, verified=True)

    with pytest.raises(Refused):
        await admitted(keys, token=foreign)


def test_processes_that_start_at_once_sign_with_the_same_secret(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(installation_secret(tmp_path / "home" / "secret")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret"]


def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path):
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(Refused, match="damaged"):
        installation_secret(tmp_path / "secret")
    assert (tmp_path / "secret").read_bytes() == b"short"

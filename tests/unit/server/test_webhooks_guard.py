"""What may be called on behalf of users."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from server.events.guard import AddressRefused, Guard, is_public
from server.events.outgoing import checked_url
from server.settings import ServerSettings

NOBODY = Guard()

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "168.63.129.16",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::1%1", "2a00::1%1", "5f00::1", "4000::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1",
          "::ffff:8.8.8.8", "64:ff9b::808:808"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_on_the_public_internet_is_refused(address):
    assert not is_public(ip_address(address))
    with pytest.raises(AddressRefused):
        NOBODY.check("hooks.example", [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_admitted(address):
    NOBODY.check("hooks.example", [address])


def test_one_bad_address_among_good_ones_is_enough():
    with pytest.raises(AddressRefused, match=r"hooks\.example is at 10\.0\.0\.1"):
        NOBODY.check("hooks.example", ["8.8.8.8", "10.0.0.1"])


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_local(address):
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    if is_public(address):
        assert inner.is_global or str(address).startswith("64:ff9b::")
        assert not inner.is_multicast


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_public_inside_an_ipv6_one(address):
    number = int(address)
    for outer in (0xFFFF << 32 | number, 0x64_FF9B << 96 | number):
        assert is_public(IPv6Address(outer)) == is_public(address)
    assert not is_public(IPv6Address(0x2002 << 112 | number << 80))
    assert not is_public(IPv6Address(number))


@given(st.ip_addresses(v=4), st.sampled_from(["decimal", "hex", "octal", "short", "hex dots", "dot", "wide"]))
def test_an_address_in_another_notation_is_refused_whatever_it_means(address: IPv4Address, notation: str):
    number, parts = int(address), str(address).split(".")
    host = {
        "decimal": str(number),
        "hex": hex(number),
        "octal": ".".join(f"0{int(part):o}" for part in parts),
        "short": f"{parts[0]}.{number & 0xFFFFFF}",
        "hex dots": ".".join(hex(int(part)) for part in parts),
        "dot": f"{address}.",
        "wide": f"0000{address}",
    }[notation]
    if host == str(address):
        return
    with pytest.raises(AddressRefused):
        checked_url(f"https://{host}/hook", NOBODY)


@pytest.mark.parametrize("address", [*PRIVATE, "①②⑦.⓪.⓪.①", "127。0。0。1"])
def test_an_address_that_is_written_into_a_url_is_checked(address):
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefused):
        checked_url(f"https://{host}/", NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "https://hooks.example:8443/", "https://hooks.example:22/", "ftp://hooks.example/",
        "file:///etc/passwd", "gopher://hooks.example/", "//hooks.example/", "hooks.example", "", "https://", "https:///x",
        "https://me:secret@hooks.example/", "https://me@hooks.example/", "https://:pw@hooks.example/",
        "https://hooks.example\\@127.0.0.1/", "https://exa mple/", "https://hooks.example:99999/", "https://[::1/",
        "https://hooks.example/" + "a" * 2000, "https://-/", "javascript:alert(1)", "https://hooks.123/",
    ],
)  # fmt: skip
def test_anything_but_https_to_a_plain_name_is_refused(url):
    with pytest.raises(AddressRefused):
        checked_url(url, NOBODY)


@given(st.text(max_size=60))
def test_no_text_makes_reading_an_address_fail_otherwise(text):
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            checked = checked_url(url, NOBODY)
        except AddressRefused:
            continue
        assert checked.scheme == "https"
        assert checked.port == 443


def test_a_good_address_is_taken_without_its_fragment():
    assert str(checked_url("https://Hooks.Example/in?a=1#top", NOBODY)) == "https://hooks.example/in?a=1"


def test_hosts_and_networks_that_the_operator_allows_may_be_called_by_plain_http_on_any_port():
    guard = Guard.allowing(["Hooks.Intranet", "10.1.0.0/16", "fd00:1::/64", "127.0.0.1"])

    for url in ("http://hooks.intranet:8080/", "http://10.1.2.3:81/", "http://[fd00:1::5]/", "http://127.0.0.1:1/"):
        checked_url(url, guard)
    guard.check("hooks.intranet", ["192.168.0.9"])
    guard.check("other.intranet", ["10.1.0.1", "::ffff:10.1.0.1"])
    for url in ("http://evil.hooks.intranet/", "http://10.2.0.1/", "http://127.0.0.2/", "http://hooks.example/"):
        with pytest.raises(AddressRefused):
            checked_url(url, guard)
    with pytest.raises(AddressRefused):
        guard.check("evil.example", ["192.168.0.9"])


@pytest.mark.parametrize("entry", ["10.1.2.3/8", "http://hooks.intranet", "300.1.1.1", "*", "hooks.intranet:80", ""])
def test_a_mistake_in_the_list_of_allowed_hosts_is_named(entry):
    with pytest.raises(SettingsError, match=r"server\.webhook_allow"):
        ServerSettings(webhook_allow=(entry,))

"""Holes that other products of this kind had, where the code itself shows that they cannot be here."""

import ast
import re
from pathlib import Path

import pytest

from server.access.tokens import identity_of, is_identity

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("engine", "ingest", "knowledge", "models", "server")


def sources(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


# -- Rocket.Chat PR 42201: a second client without the guard that the first one had


def test_no_code_but_one_client_calls_addresses_that_users_gave():
    """Who else speaks to the network speaks to what the operator configured; each is listed here with what that is."""
    calls = re.compile(
        r"ClientSession\(|TCPConnector\(|^\s*(?:import|from) (?:httpx|requests|urllib\.request|urllib3|http\.client)\b|"
        r"urlopen\(|create_connection\(|open_connection\(",
        re.MULTILINE,
    )
    found = {str(path.relative_to(ROOT)) for path in sources(*PACKAGES) if calls.search(path.read_text("utf-8"))}
    assert found == {
        "server/events/outgoing.py",  # the one
        "models/generate.py",  # the language model that the operator configured
        "knowledge/qdrant_store.py",  # the vector store that the operator configured
        "server/client/aio.py", "server/client/blocking.py",  # the visitor's side
        "server/serving.py",  # the socket to our own parent
    }  # fmt: skip


# -- LiveHelperChat GHSA-5cmw-fhq9-8fhh: secrets compared loosely


@pytest.mark.parametrize("change", ["", "0", "cut", "upper", "longer", "space", "newline", "other"])
def test_secrets_are_compared_whole(change):
    good = identity_of("secret", "4711")
    tried = {
        "": "", "0": "0", "cut": good[:-1], "upper": good.upper(), "longer": good + "0", "space": f" {good}",
        "newline": f"{good}\n", "other": identity_of("secret", "4712"),
    }[change]  # fmt: skip
    assert is_identity("secret", "4711", good)
    assert not is_identity("secret", "4711", tried)


def test_secrets_are_compared_in_constant_time():
    secret = re.compile(r"signature|digest|(^|_)mac($|_)|password|secret", re.IGNORECASE)

    def is_secret(node: ast.expr) -> bool:
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        return secret.search(name) is not None and not name.isupper()  # in capitals: a number of bytes, a kind

    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("server")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(is_secret(each) for each in (node.left, *node.comparators))
    ]
    assert found == []


# -- LiveHelperChat CVE-2024-27516: a search of the FAQ was compiled as a template


def test_no_template_is_made_of_anything_but_our_own_text():
    """`str.format` on what is no literal or constant, `eval`, `exec`, and every engine of templates."""
    found = []
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                if {name.partition(".")[0] for name in names} & {"jinja2", "mako", "chevron", "Template"}:
                    found.append(str(path.relative_to(ROOT)))
            if isinstance(node, ast.Call) and _compiles(node.func):
                found.append(str(path.relative_to(ROOT)))
    assert found == ["server/handoff/wording.py"]  # a table of our own; what people chose is only ever put in


def _compiles(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in ("eval", "exec", "compile", "__import__")
    if not isinstance(called, ast.Attribute) or called.attr not in ("format", "format_map"):
        return False
    owner = called.value  # a literal, a constant of ours (in capitals), or a formatter object
    ours = isinstance(owner, ast.Constant) or (isinstance(owner, ast.Name) and owner.id.lstrip("_").isupper())
    return not ours and not (isinstance(owner, ast.Name) and owner.id == "self")


# -- Rasa before 3.6.21: models are pickles


def test_nothing_that_is_loaded_can_run_code():
    """Arrays without pickles, YAML as data, and nothing of torch's own formats outside what prepares a model."""
    found = []
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name, given = ast.unparse(node.func), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            bad = (
                given.get("allow_pickle") == "True"
                or name in ("torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "pandas.read_pickle")
                or given.get("trust_remote_code") == "True"
            )
            if bad:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert found == []


# -- Lenovo "Lena": an answer of the bot took the agent's cookie


def test_no_cookie_is_within_reach_of_a_script_or_of_another_site():
    given = [
        {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        for path in sources("server")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_cookie"
    ]
    assert all(each["httponly"] == "True" and each["samesite"] == "'Strict'" and "secure" in each for each in given)

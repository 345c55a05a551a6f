import ast
import re
from importlib.metadata import distributions
from pathlib import Path

import pytest

from engine.settings import as_markdown
from server.settings import Installation

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("engine", "evals", "ingest", "knowledge", "models", "server", "kefu.py")


def sources():
    return [
        path for name in PACKAGES for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]


def test_every_top_level_name_that_kefu_installs_belongs_to_kefu_alone():
    claimed = {
        (distribution.metadata["Name"], file.parts[0])
        for distribution in distributions()
        for file in distribution.files or ()
        if file.parts[0] in PACKAGES
    }
    assert {name for name, _ in claimed} <= {"kefu"}


def test_the_configuration_page_tells_what_the_settings_are():
    assert (ROOT / "docs" / "CONFIG.md").read_text("utf-8") == as_markdown(Installation())


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_model_or_cache_is_ever_a_pickle(path):
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert imported.isdisjoint({"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"})


def test_nothing_imports_the_command():
    importers = [
        path for path in sources() if path.name != "kefu.py" and re.search(r"import kefu\b", path.read_text("utf-8"))
    ]
    assert importers == []


def test_links_between_the_documents_lead_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []

"""An ingested shop, made once for all end-to-end tests; each module changes a copy of its own."""

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

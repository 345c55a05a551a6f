import logging

import pytest

from engine import assemble
from models import artifacts
from models.errors import ModelNotPrepared
from tests.fakes.encoders import HashingEncoder


def trained(folder, *, dim, **data):
    def write(work):
        (work / "head.json").write_text("{}", "utf-8")
        return artifacts.Description(kind="intent-head", name="h1", dim=dim, data=data)

    artifacts.save(folder / "h1", write)
    return "h1"


@pytest.fixture
def encoder():
    return HashingEncoder()


def test_a_head_that_was_learned_with_this_encoder_is_used(tmp_path, encoder):
    name = trained(tmp_path, dim=encoder.dim, encoder_version=encoder.version)
    assert assemble.usable_intents(tmp_path, name, encoder) == "h1"


@pytest.mark.parametrize("other", ["version", "dim"])
def test_a_head_of_another_encoder_is_left_out_with_the_next_step(tmp_path, encoder, other, caplog):
    data = {"encoder_version": "another"} if other == "version" else {}
    name = trained(tmp_path / "shop" / "intents", dim=encoder.dim + (other == "dim"), **data)
    with caplog.at_level(logging.WARNING):
        assert assemble.usable_intents(tmp_path / "shop" / "intents", name, encoder) == ""
    assert "the intents of shop" in caplog.text
    assert "kefu train intent" in caplog.text


def test_a_head_that_is_gone_is_an_error_and_no_head_is_none(tmp_path, encoder):
    assert assemble.usable_intents(tmp_path, "", encoder) == ""
    with pytest.raises(ModelNotPrepared):
        assemble.usable_intents(tmp_path, "h1", encoder)


def test_a_version_names_the_head_it_answers_with(tmp_path):
    assert assemble.intents_of(tmp_path) == ""
    (tmp_path / "derived").mkdir()
    (tmp_path / "derived" / "intents.txt").write_text("h1", "utf-8")
    assert assemble.intents_of(tmp_path) == "h1"

import subprocess
import sys
from contextlib import aclosing

import pytest

from models.errors import ModelUnavailable
from models.generate import LocalGenerator, TokenBudget

pytestmark = pytest.mark.integration

_MAKE_TINY_MODEL = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
words = {word: number for number, word in enumerate(["<unk>", "</s>", "hello", "the", "return", "days", "30", "you"])}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", model_max_length=128)
fast.save_pretrained(sys.argv[1])
sizes = dict(vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
LlamaForCausalLM(LlamaConfig(**sizes, max_position_embeddings=256, eos_token_id=1)).save_pretrained(sys.argv[1])
"""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-model")
    subprocess.run([sys.executable, "-c", _MAKE_TINY_MODEL, str(folder)], check=True, capture_output=True, timeout=120)
    return folder


async def test_a_local_model_answers_from_a_process_of_its_own(tiny_model):
    generator = LocalGenerator(tiny_model, TokenBudget(10_000))
    try:
        for _ in range(2):
            async with aclosing(generator.stream(system="be brief", user="hello", max_tokens=8)) as pieces:
                text = "".join([piece async for piece in pieces])
            assert text
            assert set(text.split()) <= {"<unk>", "hello", "the", "return", "days", "30", "you"}
    finally:
        await generator.close()


async def test_a_reply_that_is_not_wanted_any_more_ends_the_process_and_the_next_one_starts_anew(tiny_model):
    generator = LocalGenerator(tiny_model, TokenBudget(10_000))
    try:
        async with aclosing(generator.stream(system="", user="hello", max_tokens=64)) as pieces:
            await anext(pieces)
        async with aclosing(generator.stream(system="", user="hello", max_tokens=4)) as pieces:
            assert [piece async for piece in pieces]
    finally:
        await generator.close()


async def test_a_folder_without_a_model_is_unavailable(tmp_path):
    generator = LocalGenerator(tmp_path, TokenBudget(10_000))
    with pytest.raises(ModelUnavailable, match="process"):
        async with aclosing(generator.stream(system="", user="hello", max_tokens=4)) as pieces:
            _ = [piece async for piece in pieces]
    await generator.close()

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
model = LlamaForCausalLM(LlamaConfig(**sizes, max_position_embeddings=256, eos_token_id=1))
model.generation_config.suppress_tokens = [0, 1]  # weights are random: whatever they are, it has something to say
model.save_pretrained(sys.argv[1])
"""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-model")
    subprocess.run([sys.executable, "-c", _MAKE_TINY_MODEL, str(folder)], check=True, capture_output=True, timeout=120)
    return folder


async def said(generator, **request):
    async with aclosing(
        generator.stream(**({"system": "be brief", "user": "hello", "max_tokens": 8} | request))
    ) as pieces:
        return [piece async for piece in pieces]


@pytest.fixture
async def generator(tiny_model):
    made = LocalGenerator(tiny_model, TokenBudget(10_000))
    yield made
    await made.close()


async def test_a_local_model_answers_from_a_process_of_its_own(generator):
    await generator.ready()
    for _ in range(2):
        text = "".join(await said(generator))
        assert text
        assert set(text.split()) <= {"hello", "the", "return", "days", "30", "you"}


async def test_until_the_model_is_loaded_a_reply_is_refused_at_once_and_then_given(generator):
    with pytest.raises(ModelUnavailable, match="still being loaded"):
        await said(generator)
    await generator.ready()
    assert await said(generator)


async def test_a_reply_that_is_not_wanted_any_more_ends_the_process_and_another_one_is_loaded(generator):
    await generator.ready()
    async with aclosing(generator.stream(system="", user="hello", max_tokens=64)) as pieces:
        await anext(pieces)
    with pytest.raises(ModelUnavailable, match="still being loaded"):
        await said(generator)
    await generator.ready()
    assert await said(generator)


async def test_closing_ends_a_process_that_is_still_loading(generator):
    generator.start()
    await generator.close()
    with pytest.raises(ModelUnavailable):
        await said(generator)


async def test_a_folder_without_a_model_is_unavailable_and_not_tried_again_at_once(tmp_path):
    now = 0.0
    generator = LocalGenerator(tmp_path, TokenBudget(10_000), retry_s=30, clock=lambda: now)
    with pytest.raises(ModelUnavailable, match="stderr"):
        await generator.ready()
    with pytest.raises(ModelUnavailable, match="stderr"):
        await said(generator)
    now = 31.0
    with pytest.raises(ModelUnavailable, match="still being loaded"):
        await said(generator)
    await generator.close()

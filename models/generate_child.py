"""The process of a local language model: one JSON request a line on stdin, pieces of the reply, as JSON, on stdout.

The first line on stdout says that the model is loaded.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from threading import Thread
from typing import Any


def main(folder: str) -> int:
    """Load the model in `folder` and answer until stdin closes."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    with redirect_stdout(sys.stderr):  # a model that prints while it is loaded must not be taken for an answer
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
    _say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            for piece in _generate(model, tokenizer, request):
                _say({"text": piece})
            _say({"done": True})
        except (RuntimeError, ValueError) as error:
            _say({"error": f"{type(error).__name__}: {error}"[:500]})
    return 0


def _generate(model: Any, tokenizer: Any, request: dict[str, Any]) -> Iterator[str]:
    from transformers import TextIteratorStreamer

    inputs = tokenizer(_prompt(tokenizer, request), return_tensors="pt", truncation=True)
    inputs.pop("token_type_ids", None)
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    options = {**inputs, "max_new_tokens": request["max_tokens"], "do_sample": False, "streamer": streamer}
    worker = Thread(target=model.generate, kwargs=options, daemon=True)
    worker.start()
    yield from (piece for piece in streamer if piece)
    worker.join()


def _prompt(tokenizer: Any, request: dict[str, Any]) -> str:
    if tokenizer.chat_template is None:
        return f"{request['system']}\n\n{request['user']}\n\n"
    messages = [{"role": "system", "content": request["system"]}, {"role": "user", "content": request["user"]}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))

"""The ways to export a model, fastest first; the first that stays close enough to the source is taken."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from models.encoders.onnx_encoder import GRAPH_FILE, EncoderSettings, Feeds, GraphRunner, feeds, token_ids
from models.encoders.prepare import SCRATCH
from models.encoders.prepare_calibrate import observed, ranges
from models.encoders.prepare_export import STAND_IN_ROWS, FusedAttention, PromptStates, export, prompt_states
from models.encoders.prepare_graph import Graph, connect_attention, fuse_gelu, put_embeddings
from models.encoders.prepare_quantise import linear_inputs, put_quantised, take_linears
from models.encoders.prepare_verify import Corpus
from models.encoders.tokenizing import open_tokenizer
from models.protocols import FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Attempts:
    """Exports one model in one way or another, each time as the whole serving graph in the work folder."""

    def __init__(
        self, model: "SentenceTransformer", work: Path, *, prompt: str, max_tokens: int, calibration: Corpus
    ) -> None:
        """Set what all ways have in common.

        Args:
            model: Of the source.
            work: Has the tokenizer already.
            prompt: Goes before every text.
            max_tokens: Read of one text, prompt included.
            calibration: Texts to measure activations and prompt states on.
        """
        self._model = model
        self._work = work
        self._calibration = calibration
        self._attention = FusedAttention()
        self._settings = EncoderSettings(
            prompt=prompt, prompt_tokens=0, max_tokens=max_tokens, pad_id=int(model.tokenizer.pad_token_id or 0)
        )

    def all(self) -> Iterator[tuple[str, Callable[[], EncoderSettings]]]:
        """Give each way's name, and what carries it out and gives the settings to serve it with."""
        if self._prompt_tokens:
            yield "fused attention, built-in prompt", self._with_prompt_states
        yield "fused attention", partial(self._export, self._settings, self._attention, None)
        yield "plain attention", partial(self._export, self._settings, None, None)

    def encode(self, settings: EncoderSettings, texts: Sequence[str], *, dim: int) -> FloatMatrix:
        """Encode texts with the graph that was exported last, (len(texts), dim)."""
        return GraphRunner(self._work, settings, dim=dim).run(texts)

    def _with_prompt_states(self) -> EncoderSettings:
        prompt = self._settings.prompt
        rows = [[prompt + text for text in texts] for texts in (self._calibration.en, self._calibration.zh)]
        states = prompt_states(self._model, self._attention, rows, self._prompt_tokens)
        return self._export(replace(self._settings, prompt="", prompt_tokens=states.tokens), self._attention, states)

    def _export(
        self, settings: EncoderSettings, attention: FusedAttention | None, states: PromptStates | None
    ) -> EncoderSettings:
        """Export, measure activations on the float graph, put the linear layers in 8 bits."""
        scratch = self._work / SCRATCH
        exported = export(self._model, scratch / "exported.onnx", attention=attention, states=states)
        graph = Graph.read(exported.graph)
        connect_attention(graph)
        fuse_gelu(graph)
        put_embeddings(graph, exported.embeddings, STAND_IN_ROWS)
        with observed(graph, linear_inputs(graph)) as names:
            graph.write(scratch / "observed.onnx")
            seen = ranges(scratch / "observed.onnx", names, self._calls(settings))
        put_quantised(graph, take_linears(graph), seen)
        graph.write(self._work / GRAPH_FILE)
        return settings

    def _calls(self, settings: EncoderSettings) -> Iterator[Feeds]:
        """Lay out the calibration texts one by one: padding's activations mean nothing."""
        tokenizer = open_tokenizer(self._work, max_tokens=settings.text_tokens)
        texts = self._calibration.texts
        for text, ids in zip(texts, token_ids(tokenizer, texts, settings), strict=True):
            yield feeds([ids], [text], settings)

    @cached_property
    def _prompt_tokens(self) -> int:
        """Length of the prompt in tokens if it is the same before every text and changes none of the text's; else 0."""
        if not self._settings.prompt or not self._averages():
            return 0
        tokenizer = open_tokenizer(self._work, max_tokens=self._settings.max_tokens)
        bare = tokenizer.ids(self._calibration.texts)
        full = tokenizer.ids([self._settings.prompt + text for text in self._calibration.texts])
        length = len(list(takewhile(lambda column: len(set(column)) == 1, zip(*full, strict=False))))
        fits = all(
            with_prompt[length:] == without[1:] and with_prompt[0] == without[0]
            for with_prompt, without in zip(full, bare, strict=True)
        )
        return length if fits else 0

    def _averages(self) -> bool:
        """Tell whether the model pools by the mean: a vector taken from the first token would all be the prompt's."""
        pooling = self._model[1]
        older = getattr(pooling, "pooling_mode_mean_tokens", False)  # sentence-transformers before 6
        return bool(getattr(pooling, "pooling_mode", None) == "mean" or older)

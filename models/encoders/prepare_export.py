"""From a loaded sentence-transformers model to one ONNX graph: token ids and mask in, sentence vectors out.

Three things keep the graph small and fast. Attention is exported as one node of onnxruntime (MultiHeadAttention) by way
of the attention interface that transformers offers. The embedding matrix, four fifths of a multilingual model, is left
out: a stand-in of a few rows takes its place until quantisation puts the real one in. And the prompt that such a model
wants before every text ("query: ", with the first token a third of a short question) is computed once, not per text.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.encoders.onnx_encoder import LANGUAGE_INPUT
from models.protocols import FloatMatrix

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

OPSET = 17
STAND_IN_ROWS = 61  # of the embedding matrix in the exported graph; a number that is no other dimension of a model
STAND_IN_ID = 5  # a token that the stand-in has, and that no model takes for padding
ATTENTION = "kefu_fused"

INPUTS = ("input_ids", "attention_mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An exported graph and the matrix that its stand-in stands for."""

    graph: Path
    embeddings: FloatMatrix  # (vocabulary, hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStates:
    """What the prompt's tokens contribute: their mean states over many texts of a language.

    The tokens of a text see the prompt's keys and values, and pooling its final states; all of them depend on the text
    a little, and more on its language (row 0: without Chinese characters; row 1: with).
    """

    layers: "torch.Tensor"  # (2, prompt tokens, layers * 2 * hidden): keys, values of layer 0, of 1, …
    final: "torch.Tensor"  # (2, prompt tokens, hidden)

    @property
    def tokens(self) -> int:
        """Length of the prompt, the model's first special token included."""
        return int(self.final.shape[1])


class FusedAttention:
    """An attention for transformers that is exported as one node; make one per process.

    The model hands over neither mask nor prompt states: whoever calls the model sets them here before.
    """

    def __init__(self) -> None:
        """Register the operator with torch and the attention with transformers."""
        import torch
        from torch.onnx import symbolic_helper
        from transformers import AttentionInterface
        from transformers.masking_utils import AttentionMaskInterface

        self._mask: torch.Tensor | None = None
        self._prompt: Sequence[torch.Tensor] = ()
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []  # keys and values of each layer in the last call
        self._library = torch.library.Library("kefu", "DEF")  # the operator lives as long as this object
        self._library.define("attention(Tensor q, Tensor k, Tensor v, Tensor mask, int heads, float scale) -> Tensor")
        self._library.impl("attention", _attend, "CPU")
        symbolic = symbolic_helper.parse_args("v", "v", "v", "v", "i", "f")(_symbolic)
        torch.onnx.register_custom_op_symbolic("kefu::attention", symbolic, OPSET)
        AttentionInterface.register(ATTENTION, self._attention)
        AttentionMaskInterface.register(ATTENTION, lambda *args, **kwargs: None)

    def begin(
        self, mask: "torch.Tensor", states: PromptStates | None = None, language: "torch.Tensor | None" = None
    ) -> None:
        """Set what the next call of the model needs.

        Args:
            mask: (texts, tokens), nonzero where there is a token; prompt tokens included.
            states: Keys and values to put before the text's own.
            language: (texts,) the row of `states` for each text.
        """
        import torch

        self._mask = mask.to(torch.int32)
        self._prompt = ()
        if states is not None:
            chosen = states.layers.index_select(0, language)  # one look-up and one split, not two a layer
            self._prompt = chosen.split(states.final.shape[-1], dim=-1)
        self.seen = []

    def _attention(
        self,
        module: "torch.nn.Module",
        query: "torch.Tensor",  # (texts, heads, tokens, width), as the two others
        key: "torch.Tensor",
        value: "torch.Tensor",
        attention_mask: None,
        scaling: float | None = None,
        **_: object,
    ) -> "tuple[torch.Tensor, None]":
        import torch

        texts, heads, tokens, width = query.shape
        q, k, v = (part.transpose(1, 2).reshape(texts, tokens, heads * width) for part in (query, key, value))
        layer = len(self.seen)
        self.seen.append((k, v))
        if self._prompt:
            k = torch.cat([self._prompt[2 * layer], k], dim=1)
            v = torch.cat([self._prompt[2 * layer + 1], v], dim=1)
        scale = float(scaling) if scaling is not None else width**-0.5
        mixed = torch.ops.kefu.attention(q, k, v, self._mask, heads, scale)
        return mixed.view(texts, tokens, heads, width), None


def _attend(
    q: "torch.Tensor", k: "torch.Tensor", v: "torch.Tensor", mask: "torch.Tensor", heads: int, scale: float
) -> "torch.Tensor":
    """Compute what MultiHeadAttention computes; q, k, v are (texts, tokens, hidden)."""
    import torch

    texts, tokens, hidden = q.shape
    q, k, v = (part.reshape(texts, part.shape[1], heads, -1).transpose(1, 2) for part in (q, k, v))
    seen = mask[:, None, None, :] != 0
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale)
    return mixed.transpose(1, 2).reshape(texts, tokens, hidden)


def _symbolic(graph: Any, q: Any, k: Any, v: Any, mask: Any, heads: int, scale: float) -> Any:
    """Write the node; torch has no public types for the graph that it hands over here."""
    import torch

    no_bias = graph.op("prim::Constant")
    no_bias.setType(torch._C.OptionalType.ofTensor())
    node = graph.op("com.microsoft::MultiHeadAttention", q, k, v, no_bias, mask, num_heads_i=heads, scale_f=scale)
    node.setType(q.type())
    return node


def prompt_states(
    model: "SentenceTransformer", attention: FusedAttention, texts: Sequence[Sequence[str]], tokens: int
) -> PromptStates:
    """Average the states of a prompt's tokens.

    Args:
        model: Computes its attention by `attention` from here on.
        attention: Of this process.
        texts: Prompt included; those of row 0 of the states, then those of row 1.
        tokens: Length of the prompt.
    """
    import torch

    transformer = model[0].auto_model.eval()
    transformer.set_attn_implementation(ATTENTION)
    rows: list[list[torch.Tensor]] = []
    with torch.no_grad():
        for language in texts:
            found = [_states_of_one(model, attention, text, tokens) for text in language]
            rows.append([torch.stack(part).mean(dim=0) for part in zip(*found, strict=True)])
    *layers, final = (torch.stack(pair) for pair in zip(*rows, strict=True))
    return PromptStates(layers=torch.cat(layers, dim=-1), final=final)


def _states_of_one(
    model: "SentenceTransformer", attention: FusedAttention, text: str, tokens: int
) -> "list[torch.Tensor]":
    """Give keys and values of each layer, then the final states, of a text's first tokens, each (tokens, hidden)."""
    features = model.tokenizer([text], truncation=True, return_tensors="pt")
    ids, mask = features["input_ids"], features["attention_mask"]
    attention.begin(mask)
    final = model[0].auto_model(input_ids=ids, attention_mask=mask, return_dict=True).last_hidden_state
    layers = [part for pair in attention.seen for part in pair]
    return [part[0, :tokens] for part in (*layers, final)]


def export(
    model: "SentenceTransformer", path: Path, *, attention: FusedAttention | None, states: PromptStates | None = None
) -> Exported:
    """Write a model's graph.

    Args:
        model: On the CPU; it is left as it was but for the way its attention is computed.
        path: Of the ONNX file.
        attention: None for a model whose attention is its own (relative positions, for example): it is traced as
            the model computes it.
        states: Stand for the prompt, which is then not among the ids; needs `attention`.
    """
    transformer = model[0].auto_model.eval()
    transformer.set_attn_implementation(ATTENTION if attention else "eager")
    embeddings = transformer.get_input_embeddings().weight.detach().numpy()
    whole = _whole(transformer, list(model)[1:], attention, states).eval()
    with _embedding_left_out(transformer, states.tokens if states else 0):
        _trace(whole, path, with_language=states is not None)
    if attention is not None and not attention.seen:
        raise ValueError("the model does not compute its attention by transformers' interface")
    return Exported(graph=path, embeddings=np.asarray(embeddings, np.float32))


@contextmanager
def _embedding_left_out(transformer: "torch.nn.Module", prompt_tokens: int) -> Iterator[None]:
    """Put the stand-in in place of the embedding matrix, and let the first tokens go no further than the embeddings.

    Those tokens, the prompt's, are there for the positions to count.
    """
    import torch

    embedding = transformer.get_input_embeddings()
    transformer.set_input_embeddings(torch.nn.Embedding(STAND_IN_ROWS, embedding.embedding_dim))
    hook = None
    if prompt_tokens:
        hook = transformer.embeddings.register_forward_hook(lambda module, args, output: output[:, prompt_tokens:])
    try:
        yield
    finally:
        transformer.set_input_embeddings(embedding)
        if hook is not None:
            hook.remove()


def _trace(module: "torch.nn.Module", path: Path, *, with_language: bool) -> None:
    """Write the graph of a module that takes ids and mask; the trace fixes no size but those of the weights."""
    import torch

    ids = torch.arange(5, 23).reshape(2, 9)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    inputs = {name: {0: "texts", 1: "tokens"} for name in INPUTS}
    if with_language:
        inputs[LANGUAGE_INPUT] = {0: "texts"}
    torch.onnx.export(
        module,
        (ids, mask, torch.tensor([0, 1])) if with_language else (ids, mask),
        str(path),
        input_names=list(inputs),
        output_names=["vectors"],
        dynamic_axes={**inputs, "vectors": {0: "texts"}},
        opset_version=OPSET,
        custom_opsets={"com.microsoft": 1},
        dynamo=False,
    )


def _whole(
    transformer: "torch.nn.Module",
    rest: "list[torch.nn.Module]",
    attention: FusedAttention | None,
    states: PromptStates | None,
) -> "torch.nn.Module":
    """Join a transformer with what follows it in the model (pooling, dense layers, normalisation)."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer
            self.rest = torch.nn.ModuleList(rest)

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, language: torch.Tensor | None = None
        ) -> torch.Tensor:
            if attention is None:
                hidden = self._plain(input_ids, attention_mask)
            elif states is None:
                attention.begin(attention_mask)
                hidden = self._hidden(input_ids, attention_mask)
            else:
                prompt = torch.full_like(input_ids[:, :1].expand(-1, states.tokens), STAND_IN_ID)
                input_ids = torch.cat([prompt, input_ids], dim=1)
                attention_mask = torch.cat([torch.ones_like(prompt), attention_mask], dim=1)
                attention.begin(attention_mask, states, language)
                hidden = self._hidden(input_ids, attention_mask)
                hidden = torch.cat([states.final.index_select(0, language), hidden], dim=1)
            features = {"token_embeddings": hidden, "attention_mask": attention_mask, "input_ids": input_ids}
            for module in self.rest:
                features = module(features)
            return features["sentence_embedding"]

        def _hidden(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            found = self.transformer(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
            return found.last_hidden_state

        def _plain(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            # additive and four-dimensional: transformers may bake the shape of a plain mask into the trace
            mask = (attention_mask[:, None, None, :].to(torch.float32) - 1.0) * 1e9
            return self._hidden(input_ids, mask.expand(-1, 1, input_ids.shape[1], -1))

    return Whole()

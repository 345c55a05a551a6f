"""Makes small sentence-transformers folders of several architectures: `tiny_models.py TOKENIZER_FOLDER TARGET`."""

import sys
from pathlib import Path

HIDDEN = 48


def main() -> None:
    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import AutoTokenizer, BertConfig, BertModel, MPNetConfig, MPNetModel
    from transformers import XLMRobertaConfig as XlmrConfig
    from transformers import XLMRobertaModel as XlmrModel

    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    target = Path(sys.argv[2])
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 4 * HIDDEN,
        "max_position_embeddings": 200,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.15,
    }
    torch.manual_seed(7)  # weights are larger than usual, so that what is done to them shows in the vectors
    architectures = {
        "bert-cls": BertModel(BertConfig(**shape)),
        "bert-dense": BertModel(BertConfig(**shape)),
        "xlmr-prompt": XlmrModel(XlmrConfig(**shape)),
        "mpnet": MPNetModel(MPNetConfig(**shape)),
        "chaotic": BertModel(BertConfig(**{**shape, "num_hidden_layers": 8, "initializer_range": 2.0})),
    }
    for name, transformer in architectures.items():
        transformer.save_pretrained(target / f"{name}-raw")
        tokenizer.save_pretrained(target / f"{name}-raw")
        words = models.Transformer(str(target / f"{name}-raw"), max_seq_length=128)
        modules = [words, models.Pooling(HIDDEN, pooling_mode="cls" if name == "bert-cls" else "mean")]
        if name == "bert-dense":
            modules.append(models.Dense(HIDDEN, 24))
        prompts = {"query": "query: "} if name == "xlmr-prompt" else None
        SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(target / name))


if __name__ == "__main__":
    main()

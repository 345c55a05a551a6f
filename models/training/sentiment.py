"""Training a sentiment scorer."""

from collections.abc import Sequence

from models.errors import TrainingDataError
from models.protocols import Encoder, FloatMatrix, Sentiment
from models.sentiment import LinearSentimentScorer
from models.training.examples import LabelledText, check_examples, examples_version, without_repeats
from models.training.features import blocks_of
from models.training.heads import Recipe, fit_head
from models.training.held_out import Corpus, best_temperature, held_out_logs, surprise
from models.training.neighbours import Space

# Stronger ridges than for intents (two or three classes, noisy labels), and neighbours among all that a text says: what
# separates two classes is one direction, in which nobody has neighbours.
RECIPE = Recipe(entropy_ridge=0.2, margin_ridge=2.0, space=Space.PRINCIPAL, neighbour_weight=0.5)
_FORMAT = "sentiment-1"  # part of the version: raise it when the same examples give another scorer


def train_sentiment(
    examples: Sequence[LabelledText],
    encoder: Encoder,
    *,
    vectors: FloatMatrix | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
) -> LinearSentimentScorer:
    """Fit a sentiment scorer; the same input gives the same scorer.

    Args:
        examples: labels are `negative`, `neutral`, `positive`, or two of them: then only those two are ever given.
        encoder: gives the vectors; whoever scores uses the same one.
        vectors: those of `examples`, where they are known already; else the encoder is asked.
        recipe: how to fit; the default is right for most data.
        seed: of what is drawn at random.

    Raises:
        TrainingDataError: the examples cannot be learned from, or a label is not a sentiment.
        ModelUnavailable: the encoder failed.
    """
    check_examples(examples)
    allowed = [str(sentiment) for sentiment in Sentiment]
    for number, example in enumerate(examples, start=1):
        if example.label not in allowed:
            where = example.origin or f"example {number}"
            raise TrainingDataError(f"{where}: {example.label!r} is not a sentiment; use one of {', '.join(allowed)}.")
    rows = without_repeats(examples)
    kept = [examples[row] for row in rows]
    texts = [example.text for example in kept]
    known = encoder.encode(texts) if vectors is None else vectors[rows]
    corpus = Corpus(texts=texts, vectors=known, labels=[example.label for example in kept])
    chosen = recipe or RECIPE
    blocks = blocks_of(encoder)
    logs = held_out_logs(corpus, blocks=blocks, recipe=chosen, seed=seed)
    temperature = best_temperature(surprise(logs, corpus.labels, sorted(set(corpus.labels))))
    head = fit_head(texts, known, corpus.labels, blocks=blocks, recipe=chosen, temperature=temperature)
    return LinearSentimentScorer(head=head, version=examples_version(kept, encoder, f"{_FORMAT} {chosen} {seed}"))

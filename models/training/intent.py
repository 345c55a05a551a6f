"""Training an intent classifier on a company's own examples."""

from collections.abc import Sequence

from models.intent import LinearIntentClassifier
from models.protocols import Encoder, FloatMatrix
from models.training.background import background_texts
from models.training.examples import LabelledText, check_examples, examples_version, without_repeats
from models.training.features import blocks_of
from models.training.heads import Recipe, fit_head
from models.training.held_out import Corpus
from models.training.rejection import ACCEPT_ALL, calibrate, familiarity_of

_FORMAT = "intent-1"  # part of the version: raise it when the same examples give another classifier


def train_intent(
    examples: Sequence[LabelledText],
    encoder: Encoder,
    *,
    vectors: FloatMatrix | None = None,
    background: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    reject: bool = True,
    seed: int = 0,
) -> LinearIntentClassifier:
    """Fit a classifier with a calibrated rejection threshold; the same input gives the same classifier.

    Args:
        examples: at least two classes; the label `oos` marks texts that belong to none, and may be absent. Of a text
            that is given twice one copy counts.
        encoder: gives the vectors; whoever predicts uses the same one.
        vectors: those of `examples`, where they are known already; else the encoder is asked.
        background: generic texts that belong to no class, for the threshold where no `oos` is labelled; by default our
            own. None of them may be in scope.
        recipe: how to fit; the default is right for most data.
        reject: whether a text may be in none of the classes; without it no text is rejected (unless as labelled `oos`),
            and nothing is calibrated.
        seed: of what is drawn at random.

    Raises:
        TrainingDataError: the examples cannot be learned from.
        ModelUnavailable: the encoder failed.
    """
    check_examples(examples)
    chosen = recipe or Recipe()
    rows = without_repeats(examples)
    kept = [examples[row] for row in rows]
    texts = [example.text for example in kept]
    known = encoder.encode(texts) if vectors is None else vectors[rows]
    corpus = Corpus(texts=texts, vectors=known, labels=[example.label for example in kept])
    blocks = blocks_of(encoder)
    calibration = ACCEPT_ALL
    strangers: list[str] = []
    if reject:
        strangers = list(background) if background is not None else background_texts(texts, seed=seed)
        outside = Corpus(texts=strangers, vectors=encoder.encode(strangers), labels=[""] * len(strangers))
        calibration = calibrate(corpus, outside, blocks=blocks, recipe=chosen, seed=seed)
    head = fit_head(texts, known, corpus.labels, blocks=blocks, recipe=chosen, temperature=calibration.temperature)
    return LinearIntentClassifier(
        head=head,
        familiarity=familiarity_of(head, corpus, seed=seed),
        acceptance=calibration.acceptance,
        version=examples_version(kept, encoder, f"{_FORMAT} {chosen} {reject} {seed} {strangers}"),
    )

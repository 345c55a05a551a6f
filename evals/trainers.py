"""The classifiers under test: kefu's own training over kefu's own encoder."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evals.tasks.protocols import Guess, Guesser

if TYPE_CHECKING:
    from models.protocols import Encoder, FloatMatrix, IntentClassifier, SentimentScorer

Encode = Callable[[Sequence[str], str], "FloatMatrix"]  # texts, name of the stage

SHOWN = 10  # classes whose probabilities a guess carries


class IntentTrainer:
    """Trains what `kefu train intent` trains."""

    def __init__(self, encoder: "Encoder", encode: Encode) -> None:
        """Train on the encoder's vectors; `encode` gives the same with progress, for the many texts of training."""
        self._encoder = encoder
        self._encode = encode

    def train(self, texts: Sequence[str], labels: Sequence[str]) -> Guesser:
        """Learn the labels; `oos` are texts of none of them."""
        from models.training.examples import LabelledText
        from models.training.intent import train_intent

        examples = [LabelledText(text=text, label=label) for text, label in zip(texts, labels, strict=True)]
        vectors = self._encode(texts, "encode examples")
        return IntentGuesser(train_intent(examples, self._encoder, vectors=vectors), self._encoder)


class IntentGuesser:
    """Guesses with a trained intent classifier."""

    def __init__(self, classifier: "IntentClassifier", encoder: "Encoder") -> None:
        """Take the classifier and the encoder that it was trained on."""
        self._classifier = classifier
        self._encoder = encoder

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Classify the texts."""
        found = self._classifier.predict(texts, self._encoder.encode(texts))
        return [
            Guess(
                label=guess.label,
                best=guess.ranked[0].label,
                confidence=guess.confidence,
                probabilities={x.label: x.probability for x in guess.ranked[:SHOWN]},
            )
            for guess in found
        ]


class SentimentTrainer:
    """Trains as the built-in sentiment head is trained, on other examples."""

    def __init__(self, encoder: "Encoder", encode: Encode) -> None:
        """Train on the encoder's vectors; `encode` gives the same with progress."""
        self._encoder = encoder
        self._encode = encode

    def train(self, texts: Sequence[str], labels: Sequence[str]) -> Guesser:
        """Learn the labels negative, neutral and positive, or two of them."""
        from models.training.examples import LabelledText
        from models.training.sentiment import train_sentiment

        examples = [LabelledText(text=text, label=label) for text, label in zip(texts, labels, strict=True)]
        vectors = self._encode(texts, "encode examples")
        return SentimentGuesser(train_sentiment(examples, self._encoder, vectors=vectors), self._encoder)


class SentimentGuesser:
    """Guesses with a trained sentiment head."""

    def __init__(self, scorer: "SentimentScorer", encoder: "Encoder") -> None:
        """Take the scorer and the encoder that it was trained on."""
        self._scorer = scorer
        self._encoder = encoder

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Classify the texts.

        The score is P(positive) - P(negative). Confidence is read off it: (1 + |score|) / 2, the probability of the
        label where there are two of them, and 1 - |score| for neutral.
        """
        found = self._scorer.score(texts, self._encoder.encode(texts))
        return [_sentiment(guess.label.value, abs(guess.score)) for guess in found]


def _sentiment(label: str, lean: float) -> Guess:
    confidence = 1 - lean if label == "neutral" else (1 + lean) / 2
    return Guess(label=label, best=label, confidence=confidence, probabilities={label: confidence})

"""`python -m evals.fitting`: fit the confidence on the invented FAQs and print the constants of `engine.calibration`.

Everything is computed anew, which takes about two minutes; nothing is written.
"""

import sys
from pathlib import Path

from engine.settings import load
from evals.fitting.bases import read_material
from evals.fitting.confidence import (
    RATES,
    WEIGHTS,
    Evidence,
    Judged,
    crowding_at,
    evidence_of,
    fit,
    left_out,
    threshold_for,
)
from models.encoders import load_encoder

FAQS = Path(__file__).parents[2] / "models" / "data" / "generic"


def main() -> None:
    """Read, fit, print."""
    settings = load(home=None)
    encoder = load_encoder(settings.models.encoder, settings.models_folder, threads=settings.models.threads)
    evidence: list[Evidence] = []
    for folder in sorted(path for path in FAQS.iterdir() if path.is_dir()):
        _say(f"searching {folder.name}")
        evidence += evidence_of(read_material(folder, encoder))
    for name, by_words in (("_WITH_VECTORS", False), ("_WORDS_ONLY", True)):
        weights = fit(each for each in evidence if (each.way == "words") == by_words)
        _say(f"{name} = {tuple(round(float(weight), 3) for weight in weights)}")
    judged = left_out(evidence, way="combined")
    threshold = threshold_for(0.05, judged)
    _say(f"_USUAL_CROWDING = {crowding_at(threshold, evidence):.2f}")
    _say(f"_WRONG_AT = {tuple((rate, round(threshold_for(rate, judged), 3)) for rate in RATES)}")
    _report(evidence, threshold)


def _report(evidence: list[Evidence], threshold: float) -> None:
    """Print how answering at one threshold goes on FAQs left out, for each way of searching."""
    _say(f"\nat {threshold:.2f}: wrong of all messages (worst FAQ), right of the answerable, admitted of the others")
    ways = [way for way in WEIGHTS if any(each.way == way for each in evidence)]
    for way in ways:
        _line(way, left_out(evidence, way=way), threshold)
        if way not in ("combined", "words"):
            _line(f"{way}, not fitted on", left_out(evidence, way=way, way_too=True), threshold)
    for each in left_out(evidence, way="combined"):
        _line(each.evidence.faq, [each], threshold)


def _line(name: str, judged: list[Judged], threshold: float) -> None:
    wrong, right, admitted = zip(*(each.answering_at(threshold) for each in judged), strict=True)
    mean = [sum(values) / len(values) for values in (wrong, right, admitted)]
    _say(f"{name:32s} {mean[0]:6.1%} ({max(wrong):5.1%}) {mean[1]:6.1%} {mean[2]:6.1%}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

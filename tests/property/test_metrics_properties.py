"""What holds for metrics whatever the data, and that they agree with scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from evals.comparison.significance import holm, mcnemar, paired_randomisation
from evals.metrics import accuracy, auc, calibration_error, macro_f1, mrr, risk_coverage
from evals.metrics.metric import encode
from evals.metrics.spelling_edits import edits
from evals.metrics.wilson import proportion

SCORES = st.lists(st.tuples(st.sampled_from([i / 8 for i in range(9)]), st.booleans()), min_size=2, max_size=40)
LABELS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40)


def _two_classes(scored):
    return len({positive for _, positive in scored}) == 2


@given(n=st.integers(1, 10**6), data=st.data())
def test_a_wilson_interval_holds_its_point_and_lies_between_zero_and_one(n, data):
    estimate = proportion(data.draw(st.integers(0, n)), n)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(n=st.integers(1, 500), data=st.data())
def test_a_wilson_interval_is_mirrored_when_success_and_failure_are_swapped(n, data):
    k = data.draw(st.integers(0, n))
    a, b = proportion(k, n), proportion(n - k, n)
    assert a.low == pytest.approx(1 - b.high, abs=1e-12)


@given(SCORES.filter(_two_classes))
def test_auc_does_not_change_under_a_monotone_map(scored):
    area = auc.area(encode([auc.row(score=s, positive=p) for s, p in scored]))
    mapped = auc.area(encode([auc.row(score=math.exp(3 * s) - 7, positive=p) for s, p in scored]))
    assert mapped == pytest.approx(area)


@given(SCORES.filter(_two_classes))
def test_auc_of_negated_scores_is_the_rest(scored):
    area = auc.area(encode([auc.row(score=s, positive=p) for s, p in scored]))
    negated = auc.area(encode([auc.row(score=-s, positive=p) for s, p in scored]))
    assert negated == pytest.approx(1 - area)


@given(SCORES.filter(_two_classes))
def test_auc_agrees_with_scikit_learn(scored):
    theirs = roc_auc_score([p for _, p in scored], [s for s, _ in scored])
    assert auc.area(encode([auc.row(score=s, positive=p) for s, p in scored])) == pytest.approx(theirs)


@given(LABELS)
def test_macro_f1_and_accuracy_agree_with_scikit_learn(pairs):
    expected, got = [e for e, _ in pairs], [g for _, g in pairs]
    ours = macro_f1.macro(encode([macro_f1.row(expected=e, got=g) for e, g in pairs]))
    assert ours == pytest.approx(f1_score(expected, got, average="macro", zero_division=0))
    hits = encode([accuracy.row(expected=e, got=g) for e, g in pairs])
    assert hits.mean() == pytest.approx(accuracy_score(expected, got))


@given(LABELS, st.permutations("abcd"))
def test_macro_f1_does_not_depend_on_the_names_of_the_classes(pairs, names):
    renamed = dict(zip("abcd", names, strict=True))
    a = macro_f1.macro(encode(list(pairs)))
    b = macro_f1.macro(encode([(renamed[e], renamed[g]) for e, g in pairs]))
    assert a == pytest.approx(b)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30))
def test_a_perfect_guess_scores_one(labels):
    assert macro_f1.macro(encode([(x, x) for x in labels])) == 1.0
    assert accuracy.ACCURACY.estimate([accuracy.row(expected=x, got=x) for x in labels]).value == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.booleans())
def test_the_risk_of_a_system_that_is_always_right_is_zero_and_always_wrong_is_one(confidences, right):
    rows = encode([(c, float(right)) for c in confidences])
    assert risk_coverage.area(rows) == pytest.approx(0.0 if right else 1.0)


@given(SCORES, st.randoms(use_true_random=False))
def test_the_risk_coverage_curve_does_not_depend_on_the_order_of_the_cases(scored, random):
    rows = [(s, float(p)) for s, p in scored]
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert risk_coverage.curve(encode(rows)) == risk_coverage.curve(encode(shuffled))


@given(SCORES)
def test_the_curve_ends_at_full_coverage_and_the_overall_error(scored):
    curve = risk_coverage.curve(encode([(s, float(p)) for s, p in scored]))
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(np.mean([not p for _, p in scored]))
    assert list(curve.coverage) == sorted(curve.coverage)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_a_share_and_its_bins_hold_every_case(scored):
    rows = encode([(c, float(right)) for c, right in scored])
    assert 0 <= calibration_error.error(rows) <= 1
    assert sum(b.n for b in calibration_error.bins(rows)) == len(scored)
    assert calibration_error.error(rows) >= abs(rows[:, 0].mean() - rows[:, 1].mean()) - 1e-9


@given(st.sampled_from([0.0, 1.0]), st.integers(1, 20))
def test_confidence_that_is_always_borne_out_has_no_calibration_error(value, n):
    assert calibration_error.error(encode([(value, value)] * n)) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_bootstrap_interval_holds_its_point(values):
    estimate = mrr.MRR.estimate([(v,) for v in values])
    assert estimate.low <= estimate.value <= estimate.high


@given(st.text("ab 货或火，'", max_size=12), st.text("ab 货或火，'", max_size=12))
def test_texts_differ_exactly_when_there_are_edits(before, after):
    assert bool(edits(before, after)) == (before != after)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_the_binomial_test(fixed, broken):
    ours = mcnemar(fixed=fixed, broken=broken)
    assert ours == mcnemar(fixed=broken, broken=fixed)
    if fixed + broken:
        assert ours == pytest.approx(binomtest(fixed, fixed + broken, 0.5).pvalue)
    else:
        assert ours == 1.0


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    corrected = holm(p_values)
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [corrected[i] for i in order] == sorted(corrected)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_paired_randomisation_finds_no_difference_between_equal_runs(values):
    rows = [(v,) for v in values]
    assert paired_randomisation(rows, rows, mrr.MRR.statistic) == 1.0

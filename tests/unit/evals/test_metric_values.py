"""Each metric against values worked out by hand."""

import math

import pytest

from evals.metrics import (
    accuracy,
    answer_precision,
    auc,
    calibration_error,
    clean_changed_rate,
    coverage,
    decision_recall,
    edit_spelling,
    handoff_precision,
    helped_rate,
    hit_at_k,
    in_scope_accuracy,
    macro_f1,
    mrr,
    oos_precision,
    oos_recall,
    right_answer_rate,
    risk_coverage,
    wrong_answer_rate,
)
from evals.metrics.estimate import UNSCORED
from evals.metrics.metric import encode
from evals.metrics.wilson import proportion


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3
        pytest.param(81, 263, 0.2553, 0.3662, id="81-of-263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15-of-148"),
        pytest.param(0, 20, 0.0, 0.1611, id="none-of-20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1-of-29"),
        pytest.param(20, 20, 0.8389, 1.0, id="all-of-20"),
    ],
)
def test_wilson_intervals_are_those_that_newcombe_published(successes, n, low, high):
    estimate = proportion(successes, n)
    assert estimate.value == successes / n
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)


def test_a_proportion_of_nothing_is_unscored_and_not_zero():
    assert proportion(0, 0) == UNSCORED
    assert UNSCORED.value is None


def test_more_successes_than_cases_are_refused():
    with pytest.raises(ValueError, match="3 successes of 2"):
        proportion(3, 2)


def test_accuracy_counts_equal_labels():
    rows = [accuracy.row(expected="a", got=got) for got in ("a", "a", "b", "oos")]
    estimate = accuracy.ACCURACY.estimate(rows)
    assert (estimate.value, estimate.n) == (0.5, 4)


def test_hits_and_reciprocal_ranks_follow_the_first_relevant_entry():
    ranks = (1, 2, 6, None)
    assert hit_at_k.P_AT_1.estimate([hit_at_k.row(rank=r, k=1) for r in ranks]).value == 0.25
    assert hit_at_k.HIT_AT_5.estimate([hit_at_k.row(rank=r, k=5) for r in ranks]).value == 0.5
    expected = (1 + 1 / 2 + 1 / 6 + 0) / 4
    assert mrr.MRR.estimate([mrr.row(rank=r) for r in ranks]).value == pytest.approx(expected)


def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_half():
    # pairs (positive, negative): 0.9>0.8, 0.9>0.3, 0.5<0.8, 0.5>0.3, 0.3<0.8, 0.3=0.3 -> (1+1+0+1+0+0.5)/6
    rows = [auc.row(score=s, positive=True) for s in (0.9, 0.5, 0.3)]
    rows += [auc.row(score=s, positive=False) for s in (0.8, 0.3)]
    assert auc.AUC.estimate(rows).value == pytest.approx(3.5 / 6)


def test_auc_with_one_class_is_unscored():
    assert auc.AUC.estimate([auc.row(score=0.3, positive=True)] * 3) == UNSCORED


def test_macro_f1_weighs_a_rare_class_like_a_frequent_one():
    pairs = [("a", "a")] * 8 + [("b", "a")] + [("b", "b")]
    rows = [macro_f1.row(expected=e, got=g) for e, g in pairs]
    f1_a, f1_b = 16 / 17, 2 / 3  # a: 8 hits of 8 expected and 9 guessed; b: 1 hit of 2 expected and 1 guessed
    assert macro_f1.MACRO_F1.estimate(rows).value == pytest.approx((f1_a + f1_b) / 2)


def test_a_rejected_in_scope_query_is_wrong_and_out_of_scope_ones_count_apart():
    pairs = [("a", "a"), ("a", "oos"), ("b", "a"), ("oos", "oos"), ("oos", "b")]
    in_scope = [in_scope_accuracy.row(expected=e, got=g) for e, g in pairs]
    recall = [oos_recall.row(expected=e, got=g) for e, g in pairs]
    precision = [oos_precision.row(expected=e, got=g) for e, g in pairs]
    assert in_scope == [(1.0,), (0.0,), (0.0,), None, None]
    assert recall == [None, None, None, (1.0,), (0.0,)]
    assert precision == [None, (0.0,), None, (1.0,), None]


def test_the_risk_coverage_curve_takes_equal_confidences_together():
    rows = [(0.9, 1.0), (0.8, 0.0), (0.8, 1.0), (0.1, 0.0)]
    curve = risk_coverage.curve(encode(rows))
    assert curve.threshold == (0.9, 0.8, 0.1)
    assert curve.coverage == (0.25, 0.75, 1.0)
    assert curve.risk == pytest.approx((0.0, 1 / 3, 0.5))
    assert risk_coverage.AURC.estimate(rows).value == pytest.approx((0 * 1 + 1 / 3 * 2 + 0.5 * 1) / 4)


def test_the_calibration_error_weighs_the_gap_of_each_bin_by_its_cases():
    rows = [(0.95, 1.0), (0.95, 1.0), (0.92, 0.0), (0.15, 0.0)]
    gap_high, gap_low = abs(2 / 3 - (0.95 + 0.95 + 0.92) / 3), 0.15
    expected = 3 / 4 * gap_high + 1 / 4 * gap_low
    assert calibration_error.ECE.estimate(rows).value == pytest.approx(expected)


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (0.1, 0), (0.1001, 1), (0.7, 6), (0.3, 2), (1.0, 9)])
def test_a_confidence_on_the_edge_belongs_to_the_bin_below(confidence, place):
    bins = calibration_error.bins(encode([(confidence, 1.0)]))
    assert [b.n for b in bins].index(1) == place


def test_a_wrong_answer_is_an_answer_from_an_entry_that_is_not_relevant():
    said = [("answer", True), ("answer", False), ("clarify", False), ("unknown", False)]
    rows = [wrong_answer_rate.row(decision=d, first_is_relevant=r) for d, r in said]
    assert wrong_answer_rate.WRONG_ANSWER_RATE.estimate(rows).value == 0.25
    given = [answer_precision.row(decision=d, first_is_relevant=r) for d, r in said]
    assert given == [(1.0,), (0.0,), None, None]


def test_coverage_and_right_answers_are_over_the_answerable_queries():
    assert coverage.row(expect="answer", decision="answer") == (1.0,)
    assert coverage.row(expect="answer", decision="unknown") == (0.0,)
    assert coverage.row(expect="handoff", decision="answer") is None
    assert right_answer_rate.row(expect="answer", decision="answer", first_is_relevant=False) == (0.0,)
    assert right_answer_rate.row(expect="answer", decision="clarify", first_is_relevant=True) == (0.0,)
    assert helped_rate.row(expect="answer", answered_rightly=False, offered=True) == (1.0,)


@pytest.mark.parametrize(
    ("wanted", "decision", "row"),
    [
        ("clarify_or_unknown", "clarify", (1.0,)),
        ("clarify_or_unknown", "unknown", (1.0,)),
        ("clarify_or_unknown", "answer", (0.0,)),
        ("clarify_or_unknown", "refuse", (0.0,)),
        ("handoff", "handoff", (1.0,)),
        ("smalltalk", "answer", (0.0,)),
        ("refuse", "refuse", (1.0,)),
    ],
)
def test_an_expectation_is_met_by_its_own_decisions_only(wanted, decision, row):
    assert decision_recall.row(wanted=wanted, expect=wanted, decision=decision) == row
    assert decision_recall.row(wanted=wanted, expect="answer", decision=decision) is None


def test_hand_off_precision_looks_at_the_hand_offs_made():
    assert handoff_precision.row(expected=True, got=True) == (1.0,)
    assert handoff_precision.row(expected=False, got=True) == (0.0,)
    assert handoff_precision.row(expected=True, got=False) is None


def test_a_clean_text_counts_as_harmed_when_it_is_changed():
    assert clean_changed_rate.row(query="x", target="x", made="y") == (1.0,)
    assert clean_changed_rate.row(query="x", target="x", made="x") == (0.0,)
    assert clean_changed_rate.row(query="z", target="x", made="y") is None


def test_unscored_statistics_give_no_interval():
    precision = edit_spelling.EDIT_PRECISION["correction"]
    assert precision.estimate([(0.0, 0.0, 1.0)] * 4) == UNSCORED


def test_a_bootstrap_interval_is_the_same_every_time_and_narrows_with_more_cases():
    few = [(float(i % 3),) for i in range(30)]
    assert mrr.MRR.estimate(few) == mrr.MRR.estimate(few)
    a, b = mrr.MRR.estimate(few), mrr.MRR.estimate(few * 16)
    assert (b.high - b.low) == pytest.approx((a.high - a.low) / 4, rel=0.15)


def test_a_bootstrap_interval_of_a_mean_agrees_with_the_normal_one():
    rows = [(float(i % 7),) for i in range(700)]
    estimate = mrr.MRR.estimate(rows)
    half = 1.96 * 2 / math.sqrt(700)  # the standard deviation of 0..6 is 2
    assert estimate.high - estimate.value == pytest.approx(half, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(half, rel=0.1)

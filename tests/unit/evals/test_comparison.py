"""Two runs side by side: what changed, and whether it is more than noise."""

from dataclasses import replace

import pytest

from evals.comparison.compare import Change, compare
from evals.comparison.significance import holm, mcnemar, paired_randomisation, unpaired
from evals.errors import ResultsMismatch
from evals.measures import estimates
from evals.metrics.estimate import UNSCORED, Estimate
from evals.metrics.macro_f1 import macro
from evals.metrics.mrr import MRR
from evals.tasks.registry import measures_of
from evals.types import Case, Results


def case(number, decision, first, *, ms=1.0, kind=""):
    rank = 1 if first == "a" else None
    return Case(
        id=str(number),
        query=f"question {number}",
        expected="answer",
        got=decision,
        correct=decision == "answer" and rank == 1,
        confidence=0.9 if rank else 0.1,
        ms=ms,
        group=kind,
        relevant_ids=("a",),
        top_ids=(first,),
        facts={"rank": rank, "offered": False},
    )


def results(cases, *, suite="answers", sha="s", extra=None):
    # The metrics of confidence are left out: their intervals take time and they are compared like answer_precision.
    metrics = estimates([m for m in measures_of(suite, cases) if m.name not in ("aurc", "ece")], cases)
    return Results(
        suite=suite,
        data={"path": "d", "sha256": sha, "files": {"queries.jsonl": sha}},
        config={},
        metrics={**metrics, **(extra or {})},
        cases=cases,
    )


def right(n, start=0):
    return [case(i, "answer", "a") for i in range(start, start + n)]


def wrong(n, start=0):
    return [case(i, "answer", "x") for i in range(start, start + n)]


def change_of(comparison, name):
    return next(m for m in comparison.metrics if m.name == name)


def test_a_run_compared_with_itself_has_no_change():
    run = results(right(10))
    comparison = compare(run, run)
    assert not comparison.regressed
    assert all(c.change is Change.SAME for c in comparison.cases)
    assert all(m.p == 1.0 for m in comparison.metrics)


def test_cases_are_fixed_broken_changed_or_slower():
    old = results([case(0, "answer", "x"), case(1, "answer", "a"), case(2, "unknown", "x"), case(3, "answer", "a")])
    new = results(
        [case(0, "answer", "a"), case(1, "answer", "y"), case(2, "clarify", "x"), case(3, "answer", "a", ms=99)]
    )
    comparison = compare(old, new)
    assert [c.change for c in comparison.cases] == [Change.FIXED, Change.BROKEN, Change.CHANGED, Change.SAME]
    assert [c.new.id for c in comparison.slower] == ["3"]


def test_another_wrong_entry_is_a_changed_answer():
    comparison = compare(results([case(0, "answer", "x")]), results([case(0, "answer", "y")]))
    assert comparison.cases[0].change is Change.CHANGED


def test_another_candidate_behind_an_unknown_is_no_change_that_a_visitor_sees():
    comparison = compare(results([case(0, "unknown", "x")]), results([case(0, "unknown", "y")]))
    assert comparison.cases[0].change is Change.SAME


def test_a_millisecond_more_is_not_slower():
    comparison = compare(results([case(0, "answer", "a", ms=0.1)]), results([case(0, "answer", "a", ms=1.0)]))
    assert comparison.slower == []


def test_six_broken_and_none_fixed_are_a_regression():
    comparison = compare(results(right(20)), results(wrong(6) + right(14, 6)))
    change = change_of(comparison, "right_answer_rate")
    assert change.test == "McNemar exact"
    assert change.p == pytest.approx(2 / 2**6)
    assert change.regression
    assert comparison.regressed


def test_five_broken_and_none_fixed_may_be_noise():
    comparison = compare(results(right(20)), results(wrong(5) + right(15, 5)))
    assert change_of(comparison, "right_answer_rate").p == pytest.approx(2 / 2**5)
    assert not comparison.regressed


def test_an_improvement_beyond_noise_is_no_regression():
    comparison = compare(results(wrong(9) + right(11, 9)), results(right(20)))
    change = change_of(comparison, "right_answer_rate")
    assert change.significant
    assert not change.worse
    assert not comparison.regressed


def test_a_lower_wrong_answer_rate_is_better_and_a_higher_one_a_regression():
    silent = [case(i, "unknown", "x") for i in range(8)]
    comparison = compare(results(silent), results(wrong(8)))
    assert change_of(comparison, "wrong_answer_rate").regression
    assert not change_of(compare(results(wrong(8)), results(silent)), "wrong_answer_rate").worse


def test_many_groups_are_corrected_for_their_number():
    kinds = [f"k{i}" for i in range(30)]
    old = [case(f"{k}{i}", "answer", "a", kind=k) for k in kinds for i in range(6)]
    new = [case(c.id, "answer", "x", kind=c.group) if c.group == "k0" else c for c in old]
    comparison = compare(results(old), results(new))
    assert change_of(comparison, "right_answer_rate").regression  # 6 of 180, none fixed
    assert not change_of(comparison, "right_answer_rate/k0").significant


def test_a_metric_whose_cases_differ_between_the_runs_is_randomised():
    old = results([case(i, "answer", "a") if i % 2 else case(i, "unknown", "x") for i in range(40)])
    new = results([case(i, "answer", "a") if i % 2 else case(i, "answer", "x") for i in range(40)])
    change = change_of(compare(old, new), "answer_precision")
    assert change.test == "paired randomisation"
    assert change.regression


def test_metrics_without_cases_are_compared_by_their_intervals():
    a = Estimate(value=0.9, low=0.88, high=0.92, n=2000)
    near = Estimate(value=0.91, low=0.89, high=0.93, n=2000)
    far = Estimate(value=0.8, low=0.78, high=0.82, n=2000)
    runs = [results(right(3), extra={"auc_pairs": e}) for e in (a, near, far)]
    assert not change_of(compare(runs[0], runs[1]), "auc_pairs").significant
    assert change_of(compare(runs[0], runs[2]), "auc_pairs").regression


@pytest.mark.parametrize(
    ("other", "message"),
    [
        pytest.param(results(right(3), suite="dialogs"), "of suite 'answers', the second of 'dialogs'", id="suite"),
        pytest.param(results(right(3), sha="t"), "different data .*queries.jsonl differ", id="data"),
        pytest.param(results(right(2)), "do not hold the same cases", id="cases"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(other, message):
    with pytest.raises(ResultsMismatch, match=message):
        compare(results(right(3)), other)


def test_the_order_of_the_cases_does_not_matter():
    cases = right(4) + wrong(4, 4)
    comparison = compare(results(cases), results(list(reversed(cases))))
    assert all(c.change is Change.SAME for c in comparison.cases)


def test_a_suite_that_is_not_known_is_refused():
    run = replace(results(right(3)), suite="weather")
    with pytest.raises(ResultsMismatch, match="no suite 'weather'"):
        compare(run, run)


def test_mcnemar_of_no_change_is_one():
    assert mcnemar(fixed=0, broken=0) == 1.0
    assert mcnemar(fixed=5000, broken=5000) == 1.0


def test_a_paired_randomisation_sees_a_small_change_that_is_always_there():
    old = [(i / 100,) for i in range(100)]
    new = [(i / 100 + 0.01,) for i in range(100)]
    assert paired_randomisation(old, new, MRR.statistic) < 0.01


def test_a_paired_randomisation_takes_random_changes_for_noise():
    old = [(float(i % 2),) for i in range(100)]
    new = [(float((i // 2) % 2),) for i in range(100)]
    assert paired_randomisation(old, new, MRR.statistic) > 0.3


def test_a_paired_randomisation_reads_labels_the_same_in_both_runs():
    old = [("a", "a")] * 20 + [("b", "b")] * 20
    new = [("a", "b")] * 20 + [("b", "a")] * 20
    assert paired_randomisation(old, new, macro) < 0.01


def test_an_unscored_metric_has_no_significant_change():
    assert unpaired(UNSCORED, Estimate(value=0.5, low=0.4, high=0.6, n=9)) == 1.0


def test_holm_multiplies_the_smallest_by_their_number():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_a_randomisation_test_of_a_proportion_agrees_with_mcnemar():
    old, new = [(1.0,)] * 30, [(0.0,)] * 5 + [(1.0,)] * 25
    assert paired_randomisation(old, new, MRR.statistic) == pytest.approx(mcnemar(fixed=0, broken=5), abs=0.02)

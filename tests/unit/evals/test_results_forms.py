"""The forms that other programs rely on: --json, --junit, --html."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from evals import junit
from evals import results as results_file
from evals.comparison.compare import compare
from evals.confusion import confusions, slowest, worst
from evals.errors import ResultsError
from evals.metrics.estimate import UNSCORED, Estimate
from evals.report import comparison_page, run_page
from evals.types import Case, Results

NASTY = "<script>alert('坏')</script> & \"quoted\" \x00\x0b\ud83d\ude00 ]]> 退货吗?".encode(
    "utf-16", "surrogatepass"
).decode("utf-16")


def a_case(**changes):
    given = {
        "id": "line 1",
        "query": NASTY,
        "expected": "answer",
        "got": "answer",
        "correct": False,
        "confidence": 0.75,
        "ms": 12.34567,
        "group": "<b>plain</b>",
        "relevant_ids": ("a",),
        "top_ids": ("<x>", "a"),
        "facts": {"rank": 2, "offered": False},
        "receipt": {"reason": NASTY, "candidates": [{"entry_id": "<x>"}]},
    }
    return Case(**{**given, **changes})


CASES = [
    a_case(),
    a_case(id="line 2", correct=True, top_ids=("a",), facts={"rank": 1, "offered": False}, ms=1.0, confidence=0.9),
    a_case(
        id="line 3",
        expected="clarify_or_unknown",
        got="answer",
        relevant_ids=(),
        facts={"rank": None, "offered": False},
    ),
    a_case(id="line 4", correct=None, receipt=None, ms=None, confidence=None, group=""),
]
RESULTS = Results(
    suite="answers",
    data={"path": "data/<shop>", "sha256": "0" * 64, "files": {"queries.jsonl": "0" * 64}},
    config={"kb": None, "versions": {"engine": "1"}, "warnings": ["mind <this>"]},
    metrics={
        "p_at_1": Estimate(value=0.5, low=0.25, high=0.75, n=4),
        "refuse_recall": UNSCORED,
        "p_at_1/<b>plain</b>": Estimate(value=0.5, low=0.25, high=0.75, n=4),
    },
    cases=CASES,
)


def test_the_json_has_exactly_the_fixed_keys():
    body = json.loads(results_file.dumps(RESULTS))
    assert list(body) == ["suite", "data", "config", "n", "metrics", "cases"]
    assert body["suite"] == "answers"
    assert body["n"] == len(body["cases"]) == 4
    assert body["metrics"]["p_at_1"] == {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4}
    assert body["metrics"]["refuse_recall"] == {"value": None, "low": None, "high": None, "n": 0}


def test_every_case_of_the_json_says_what_was_asked_expected_and_given():
    first, *_, last = json.loads(results_file.dumps(RESULTS))["cases"]
    assert first["query"] == NASTY
    assert (first["expected"], first["got"], first["correct"]) == ("answer", "answer", False)
    assert (first["confidence"], first["ms"]) == (0.75, 12.346)
    assert first["receipt"]["candidates"] == [{"entry_id": "<x>"}]
    assert "receipt" not in last


def test_results_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "new folder" / "out.json"
    results_file.write(RESULTS, path)
    assert [p.name for p in path.parent.iterdir()] == ["out.json"]
    back = results_file.read(path)
    assert back.metrics == RESULTS.metrics
    assert back.cases[1:] == [*CASES[1:2], a_case(**_third(), ms=12.346), CASES[3]]
    assert results_file.dumps(back) == results_file.dumps(RESULTS)


def _third():
    return {
        "id": "line 3",
        "expected": "clarify_or_unknown",
        "relevant_ids": (),
        "facts": {"rank": None, "offered": False},
    }


def test_a_run_without_cases_is_valid_json():
    empty = Results(suite="intent", data={}, config={}, metrics={}, cases=[])
    assert json.loads(results_file.dumps(empty)) == {
        "suite": "intent", "data": {}, "config": {}, "n": 0, "metrics": {}, "cases": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON file"),
        ("[]", "no result of `kefu eval --json`"),
        ('{"suite": "answers"}', "KeyError: 'data'"),
        ('{"suite":"a","data":{},"config":{},"metrics":{},"cases":[{"id":1}]}', "a string is needed, not 1"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path, text, message):
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ResultsError, match=message) as caught:
        results_file.read(path)
    assert str(path) in str(caught.value)


def test_a_result_that_is_not_there_says_how_to_write_one(tmp_path):
    with pytest.raises(ResultsError, match="write one with `kefu eval"):
        results_file.read(tmp_path / "none.json")


def test_junit_is_valid_xml_with_one_test_a_case_and_a_failure_for_each_wrong_one():
    root = ElementTree.fromstring(junit.dumps(RESULTS).encode())
    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "2", "1")
    tests = suite.findall("testcase")
    assert len(tests) == 4
    assert [t.find("failure") is not None for t in tests] == [True, False, True, False]
    assert tests[3].find("skipped") is not None
    assert "\x00" not in tests[0].get("name")
    assert "<script>alert('坏')</script>" in tests[0].get("name")
    assert tests[0].find("failure").get("message") == "expected answer, got answer"
    assert suite.find("properties/property").get("name") == "p_at_1"


class Page(HTMLParser):
    """Collects tags and what a page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads, self.scripts = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href", "srcset", "action")]
        self.scripts += tag == "script"


def parsed(html):
    page = Page()
    page.feed(html)
    return page


def test_the_page_is_one_file_and_what_visitors_wrote_stays_text():
    html = run_page.render(RESULTS)
    page = parsed(html)
    assert page.loads == []
    assert page.scripts == 1
    assert "&lt;script&gt;alert(&#x27;坏&#x27;)&lt;/script&gt;" in html
    assert "<b>plain</b>" not in html
    assert "mind &lt;this&gt;" in html
    assert "prefers-color-scheme:dark" in html


def test_the_page_of_answers_shows_its_curves_and_unscored_metrics():
    html = run_page.render(RESULTS)
    for label in ("Risk-coverage curve", "Reliability diagram", "Latency histogram", "Confusion matrix"):
        assert f'aria-label="{label}' in html
    assert "unscored" in html


@pytest.mark.parametrize("suite", ["retrieval", "intent", "sentiment", "spelling", "handoff", "answers", "dialogs"])
def test_every_suite_has_a_page_even_without_cases(suite):
    empty = Results(suite=suite, data={"path": "d"}, config={}, metrics={"p_at_1": UNSCORED}, cases=[])
    assert "unscored" in run_page.render(empty)


def test_the_page_of_a_comparison_escapes_too():
    html = comparison_page.render(compare(RESULTS, RESULTS))
    assert parsed(html).loads == []
    assert "No regression beyond noise" in html
    changed = [a_case(correct=True, top_ids=("a",)), *CASES[1:]]
    moved = Results(suite="answers", data=RESULTS.data, config={}, metrics=RESULTS.metrics, cases=changed)
    html = comparison_page.render(compare(RESULTS, moved))
    assert "Fixed (1)" in html
    assert "alert(&#x27;" in html
    assert "<script>alert" not in html


def test_the_worst_cases_are_those_that_were_wrong_and_sure():
    cases = [a_case(id="1", confidence=0.2), a_case(id="2", confidence=0.9), a_case(id="3", correct=True)]
    assert [c.id for c in worst(cases)] == ["2", "1"]
    assert [c.id for c in slowest([a_case(id="1", ms=1.0), a_case(id="2", ms=None), a_case(id="3", ms=2.0)])] == [
        "3",
        "1",
    ]


def test_confusions_count_pairs_of_classes_with_examples():
    cases = [a_case(id=str(i), expected="x", got=g, correct=g == "x", query=f"q{i}") for i, g in enumerate("xyyz")]
    first, second = confusions(cases)
    assert (first.expected, first.got, first.n, first.of, first.examples) == ("x", "y", 2, 4, ("q1", "q2"))
    assert second.got == "z"

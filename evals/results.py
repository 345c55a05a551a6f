"""The file that `--json` writes, and reading it back.

{"suite", "data", "config", "n", "metrics": {NAME: {"value", "low", "high", "n"}}, "cases": [...]}
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from evals.errors import ResultsError
from evals.metrics.estimate import Estimate
from evals.types import Case, Json, Results


def dumps(results: Results) -> str:
    """The results as JSON, one line a case, so that the file can be read, searched and diffed."""
    head = {
        "suite": results.suite,
        "data": results.data,
        "config": results.config,
        "n": results.n,
        "metrics": {name: asdict(estimate) for name, estimate in results.metrics.items()},
    }
    lines = (f"  {_compact(_case_to_json(case))}" for case in results.cases)
    opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    return opening + ',\n "cases": [\n' + ",\n".join(lines) + "\n ]\n}\n"


def write(results: Results, path: Path) -> None:
    """Write the JSON file; a file that is there already is replaced only when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(dumps(results), encoding="utf-8")
    part.replace(path)


def read(path: Path) -> Results:
    """Read what `write` wrote.

    Raises:
        ResultsError: no such file, or not a result of `kefu eval`.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        msg = f"{path}: there is no such file; write one with `kefu eval SUITE --data DIR --json {path}`"
        raise ResultsError(msg) from exc
    except (UnicodeDecodeError, json.JSONDecodeError, IsADirectoryError) as exc:
        msg = f"{path}: no JSON file ({exc})"
        raise ResultsError(msg) from exc
    try:
        return Results(
            suite=_string(body["suite"]),
            data=dict(body["data"]),
            config=dict(body["config"]),
            metrics={name: Estimate(**e) for name, e in body["metrics"].items()},
            cases=[_case_from_json(case) for case in body["cases"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        msg = f"{path}: no result of `kefu eval --json` ({type(exc).__name__}: {exc})"
        raise ResultsError(msg) from exc


def _case_to_json(case: Case) -> dict[str, Json]:
    body: dict[str, Json] = {
        "id": case.id,
        "query": case.query,
        "expected": case.expected,
        "got": case.got,
        "correct": case.correct,
        "confidence": case.confidence,
        "ms": None if case.ms is None else round(case.ms, 3),
    }
    if case.group:
        body["group"] = case.group
    if case.relevant_ids or case.top_ids:
        body["relevant_ids"], body["top_ids"] = case.relevant_ids, case.top_ids
    body["facts"] = case.facts
    if case.receipt is not None:
        body["receipt"] = case.receipt
    return body


def _case_from_json(body: Mapping[str, Json]) -> Case:
    return Case(
        id=_string(body["id"]),
        query=_string(body["query"]),
        expected=_said(body["expected"]),
        got=_said(body["got"]),
        correct=None if body["correct"] is None else bool(body["correct"]),
        confidence=_number(body["confidence"]),
        ms=_number(body["ms"]),
        group=_string(body.get("group", "")),
        relevant_ids=_strings(body.get("relevant_ids", ())),
        top_ids=_strings(body.get("top_ids", ())),
        facts={k: _fact(v) for k, v in _object(body["facts"]).items()},
        receipt=_object(body["receipt"]) if body.get("receipt") is not None else None,
    )


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _string(value: Json) -> str:
    if not isinstance(value, str):
        msg = f"a string is needed, not {value!r}"
        raise TypeError(msg)
    return value


def _number(value: Json) -> float | None:
    if value is not None and not isinstance(value, int | float):
        msg = f"a number is needed, not {value!r}"
        raise TypeError(msg)
    return value


def _strings(value: Json) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        msg = f"a list is needed, not {value!r}"
        raise TypeError(msg)
    return tuple(_string(x) for x in value)


def _said(value: Json) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else _strings(value)


def _fact(value: Json) -> str | float | bool | None:
    if value is not None and not isinstance(value, str | int | float | bool):
        msg = f"a plain value is needed, not {value!r}"
        raise TypeError(msg)
    return value


def _object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        msg = f"an object is needed, not {value!r}"
        raise TypeError(msg)
    return value

"""The gate: a version that answers known questions worse than the live one is not published.

A case is right if the visitor gets what the suite expects; where an answer is expected, that of a relevant entry. A
version breaks the suite if a case that is not right got worse than in the live version: right, then asked back with a
relevant entry among the choices, then anything else, and last an answer from an entry that is not relevant. Where
there is no live version to compare with, every case that is not right breaks it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

import orjson

from engine.assemble import open_knowledge
from engine.pipeline import Models
from engine.settings import EngineSettings
from engine.types import Outcome
from ingest.asking import ask
from ingest.errors import IngestError, SuiteError
from knowledge.errors import VersionCorrupt
from knowledge.snapshot import Snapshot
from models.errors import ArtifactCorrupt, ModelNotPrepared

_MET_BY: Mapping[str, frozenset[str]] = {
    "answer": frozenset({"answer"}),
    "clarify_or_unknown": frozenset({"clarify", "unknown"}),
    "handoff": frozenset({"handoff"}),
    "smalltalk": frozenset({"smalltalk"}),
    "refuse": frozenset({"refuse"}),
}
_NAMED = 5  # ids and cases named in a message
Progress = Callable[[str, int, int], None]


class Grade(IntEnum):
    """How well a case came out; higher is better."""

    WRONG_ANSWER = 0  # an entry that is not relevant was given as the answer
    OTHERWISE = 1  # something else was decided than expected
    OFFERED = 2  # the visitor is asked which was meant, and a relevant entry is among the choices
    RIGHT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCase:
    """One line of a suite."""

    id: str
    query: str
    relevant_ids: tuple[str, ...]  # empty: nothing answers it
    expect: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A case that keeps a version from being published."""

    id: str
    query: str
    expected: str  # "answer (faq-7)"
    got: str  # "answer (faq-9)", "clarify (faq-9, faq-7)", "unknown"
    before: str  # what the live version gives; "" if there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """How a version did."""

    cases: int
    right: int
    broken: tuple[Broken, ...]

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        broken = [
            {"id": case.id, "query": case.query, "expected": case.expected, "got": case.got, "before": case.before}
            for case in self.broken
        ]
        return {"cases": self.cases, "right": self.right, "broken": broken}


class GateFailed(IngestError):
    """A version breaks the suite; it was not published, and what answered before goes on to."""

    def __init__(self, result: GateResult) -> None:
        """Name the first cases."""
        self.result = result
        named = "; ".join(
            f"{case.query!r}: expected {case.expected}, got {case.got}" for case in result.broken[:_NAMED]
        )
        more = f" and {len(result.broken) - _NAMED} more" if len(result.broken) > _NAMED else ""
        self.reason = f"{len(result.broken)} of {result.cases} cases of the gate break: {named}{more}"
        super().__init__(f"not published, {self.reason}")


class Gate(Protocol):
    """What looks at a version before it goes live."""

    def judge(self, version: Snapshot, live: Snapshot | None, progress: Progress) -> GateResult:
        """Tell how a version does, compared with the live one if there is one."""

    def unchanged(self, version: Snapshot) -> None:
        """Look at a version that is live and stays so."""


class SuiteGate:
    """Asks a version the questions of a suite, through the engine."""

    def __init__(self, suite: Sequence[GateCase], models: Models, settings: EngineSettings) -> None:
        """Take the suite, and what turns are answered with."""
        self._suite = suite
        self._models = models
        self._settings = settings

    def judge(self, version: Snapshot, live: Snapshot | None, progress: Progress) -> GateResult:
        """Ask both versions.

        Raises:
            SuiteError: the suite names entries that neither version has.
        """
        self._check_ids(version, live)
        total = len(self._suite) * (1 if live is None else 2)
        outcomes = self._ask(version, lambda done: progress("gate", done, total))
        graded = list(map(grade, self._suite, outcomes))
        before = self._ask_live(live, lambda done: progress("gate", len(self._suite) + done, total))
        broken = [
            Broken(
                id=case.id,
                query=case.query,
                expected=_expected(case),
                got=_got(outcome),
                before="" if old is None else _got(old),
            )
            for case, outcome, got, old in zip(self._suite, outcomes, graded, before, strict=True)
            if got is not Grade.RIGHT and (old is None or got < grade(case, old))
        ]
        return GateResult(cases=len(self._suite), right=graded.count(Grade.RIGHT), broken=tuple(broken))

    def unchanged(self, version: Snapshot) -> None:
        """Ask nothing: what is live cannot get worse. A mistaken suite is told of all the same.

        Raises:
            SuiteError: the suite names entries that the version does not have.
        """
        self._check_ids(version, None)

    def _ask(self, version: Snapshot, progress: Callable[[int], None]) -> list[Outcome]:
        knowledge = open_knowledge(version, encoder=self._models.encoder)
        return ask(knowledge, self._models, self._settings, [case.query for case in self._suite], progress)

    def _ask_live(self, live: Snapshot | None, progress: Callable[[int], None]) -> Sequence[Outcome | None]:
        """Ask the live version; none where it was made with another encoder, which is not loaded here."""
        nothing: list[Outcome | None] = [None] * len(self._suite)
        if live is None:
            return nothing
        try:
            return self._ask(live, progress)
        except (VersionCorrupt, ArtifactCorrupt, ModelNotPrepared):
            return nothing

    def _check_ids(self, version: Snapshot, live: Snapshot | None) -> None:
        """Refuse a suite about entries that were never there; one that is gone now is a case that may break."""

        def known(entry_id: str) -> bool:
            return entry_id in version.entries or (live is not None and entry_id in live.entries)

        unknown = {name: case.id for case in self._suite for name in case.relevant_ids if not known(name)}
        if unknown:
            named = ", ".join(f"{name} ({case})" for name, case in list(unknown.items())[:_NAMED])
            raise SuiteError(
                f"the gate's suite names {len(unknown)} entries that {version.manifest.kb!r} does not have: {named}; "
                "mend relevant_ids, `kefu kb export` lists the ids"
            )


def grade(case: GateCase, outcome: Outcome) -> Grade:
    """Tell how well a case came out."""
    decision, cited = outcome.receipt.decision, outcome.citations
    relevant = not set(case.relevant_ids).isdisjoint(cited)
    if decision == "answer" and not relevant:
        return Grade.WRONG_ANSWER
    if decision in _MET_BY[case.expect]:
        return Grade.RIGHT
    offered = {choice.entry_id for choice in outcome.choices}
    return Grade.OFFERED if decision == "clarify" and not offered.isdisjoint(case.relevant_ids) else Grade.OTHERWISE


def read_suite(path: Path) -> list[GateCase]:
    """Read the lines of a suite: {"query", "relevant_ids", "id"?, "kind"?, "expect"?}, as for `kefu eval answers`.

    Without "expect", a query with relevant ids expects an answer, one without `clarify_or_unknown`.

    Raises:
        SuiteError: the file cannot be read or has no case, or a line is not of that form.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise SuiteError(f"the gate's suite {path} cannot be read ({error.strerror or error})") from error
    cases = [_case(line, f"{path.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise SuiteError(f"the gate's suite {path} has no case; write lines of {{'query', 'relevant_ids'}}")
    return cases


def _case(line: bytes, place: str) -> GateCase:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SuiteError(f"{place}: not JSON ({error})") from error
    match values:
        case {"query": str(query), "relevant_ids": [*ids]} if query.strip() and all(isinstance(x, str) for x in ids):
            expect = values.get("expect") or ("answer" if ids else "clarify_or_unknown")
        case _:
            raise SuiteError(f'{place}: expected {{"query": text, "relevant_ids": [id, …]}}')
    if expect not in _MET_BY:
        raise SuiteError(f"{place}: expect is {expect!r}; it must be one of {', '.join(_MET_BY)}")
    if expect == "answer" and not ids:
        raise SuiteError(f"{place}: an answer is expected, but relevant_ids names no entry that may give it")
    return GateCase(
        id=str(values.get("id") or place),
        query=query,
        relevant_ids=tuple(ids),
        expect=expect,
        kind=str(values.get("kind") or ""),
    )


def _expected(case: GateCase) -> str:
    return f"{case.expect} ({', '.join(case.relevant_ids)})" if case.expect == "answer" else case.expect


def _got(outcome: Outcome) -> str:
    shown = outcome.citations or tuple(choice.entry_id for choice in outcome.choices)
    return f"{outcome.receipt.decision} ({', '.join(shown)})" if shown else outcome.receipt.decision

"""Suite `dialogs`: conversations of several turns; every turn is a case, judged as in the suite `answers`.

The engine sees the turns in order, with its own earlier replies as history. The first query of an answer's case is
what was said in that turn. `dialog_met` is the share of dialogs in which every turn got what was expected.
"""

from collections.abc import Sequence
from dataclasses import replace

from evals.datasets.dialogs import Dialog
from evals.datasets.queries import Question
from evals.measures import Measure, measure, with_groups
from evals.metrics import expectation_met
from evals.metrics.metric import Row
from evals.progress import Progress
from evals.tasks.answers import CHUNK, decision_measures, judge
from evals.tasks.protocols import Asker, Reply
from evals.types import Case, TaskRun


def run(dialogs: Sequence[Dialog], asker: Asker, progress: Progress) -> TaskRun:
    """Hold every dialog and judge its turns."""
    progress.stage("ask", len(dialogs))
    cases: list[Case] = []
    for start in range(0, len(dialogs), CHUNK):
        chunk = dialogs[start : start + CHUNK]
        replies = asker.ask([[turn.text for turn in dialog.turns] for dialog in chunk])
        for dialog, said in zip(chunk, replies, strict=True):
            cases += _judge(dialog, said)
        progress.advance(len(chunk))
    return TaskRun(cases=cases, config={"dialogs": len(dialogs)})


def measures(cases: Sequence[Case]) -> list[Measure]:
    """Those of `answers` over turns, and `dialog_met` over dialogs; for each language besides the whole."""
    whole = [measure(expectation_met.DIALOG_MET, _dialog), *decision_measures()]
    return with_groups(whole, cases)


def _judge(dialog: Dialog, replies: Sequence[Reply]) -> list[Case]:
    cases = [
        judge(
            Question(
                id=f"{dialog.id}/{place}",
                text=turn.text,
                relevant_ids=turn.relevant_ids,
                kind=dialog.lang,
                expect=turn.expect,
            ),
            reply,
        )
        for place, (turn, reply) in enumerate(zip(dialog.turns, replies, strict=True))
    ]
    met = all(case.correct for case in cases)
    # The verdict on the dialog stands on its last turn alone, so that each dialog counts once.
    return [*cases[:-1], replace(cases[-1], facts={**cases[-1].facts, "dialog_met": met})]


def _dialog(case: Case) -> Row | None:
    met = case.facts.get("dialog_met")
    return None if met is None else expectation_met.row(met=bool(met))

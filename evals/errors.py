"""What can go wrong in an evaluation, each error with the next step in its sentence."""

from pathlib import Path


class EvalError(Exception):
    """Root of the errors that `evals` raises; trying again without a change does not help."""


class DatasetError(EvalError):
    """A file of the evaluation data is missing or malformed; the message names file, line and field."""

    def __init__(self, path: Path, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        """Build the sentence from where the trouble is and what it is."""
        self.path, self.problem, self.line, self.field = path, problem, line, field
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {problem}" if field is None else f'{where}, field "{field}": {problem}')


class ResultsError(EvalError):
    """A file given to `compare` is no result of `kefu eval`; writing it anew with `--json` helps."""


class ResultsMismatch(EvalError):
    """Two results cannot be compared, being of different suites or data; run both on the same data."""


class SuiteError(EvalError):
    """A suite cannot be run on what it was given; the message says what is missing."""

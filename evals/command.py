"""`kefu eval SUITE --data DIR ...` and `kefu eval compare OLD.json NEW.json`.

Only argparse is imported until a run begins: `kefu --help` reads this module.
"""

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

    from evals.progress import Progress
    from evals.runner import Systems
    from evals.types import Results

    class OpenSystems(Protocol):
        """Opens the systems under test for the time of a run."""

        def __call__(self, *, home: str | None, progress: Progress) -> AbstractContextManager[Systems]:
            """Open them over the installation below `home`."""


OK, REGRESSION, USAGE = 0, 1, 2

SUITES = {
    "retrieval": "does the right entry come first, are unanswerable queries told apart",
    "intent": "is the class found, are queries of no class told apart",
    "sentiment": "negative, neutral or positive",
    "spelling": "are errors mended and clean texts left alone",
    "handoff": "should a person take over",
    "answers": "what the visitor gets: answers right and wrong, hand-offs, refusals",
    "dialogs": "conversations of several turns",
}

_TRAINED = ("intent", "sentiment", "handoff")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the suites and `compare` to the parser of `kefu eval`."""
    commands = parser.add_subparsers(dest="suite", metavar="SUITE", required=True)
    for name, about in SUITES.items():
        suite = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        suite.add_argument("--data", type=Path, required=True, metavar="DIR", help=_DATA_HELP[name])
        suite.add_argument("--train", type=Path, metavar="DIR|FILE.jsonl", help=_train_help(name))
        suite.add_argument("--kb", metavar="NAME", help="a published knowledge base, instead of DIR/faq.jsonl")
        # `kefu eval` takes --home before the suite; after it, it is the same.
        suite.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="all data of the installation")
        suite.add_argument("--json", type=Path, metavar="OUT", help="write metrics and cases, for `compare`")
        suite.add_argument("--html", type=Path, metavar="OUT", help="write a report with plots, one file")
        suite.add_argument("--junit", type=Path, metavar="OUT", help="write JUnit XML, a wrong case is a failure")
    compare = commands.add_parser(
        "compare",
        help="two results over the same data: what changed, and is it more than noise",
        description="Compare two results of --json. Exit code 1: a metric is worse beyond noise (p < 0.05).",
    )
    compare.add_argument("old", type=Path, metavar="OLD.json")
    compare.add_argument("new", type=Path, metavar="NEW.json")
    compare.add_argument("--html", type=Path, metavar="OUT", help="write the comparison as one HTML file")


def run(args: argparse.Namespace, console: "Console", *, systems: "OpenSystems | None" = None) -> int:
    """Run what was asked for.

    Args:
        args: as `add_arguments` has them parsed.
        console: for the results; progress and complaints go to stderr.
        systems: opens the systems under test; by default kefu's own.

    Returns:
        The exit code: 0, 1 for a regression beyond noise, 2 for data or files that do not do.
    """
    from rich.markup import escape

    from evals.errors import EvalError

    try:
        return _compare(args, console) if args.suite == "compare" else _suite(args, console, systems)
    except EvalError as error:
        _stderr().print(f"[red]kefu eval:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return USAGE


def _suite(args: argparse.Namespace, console: "Console", systems: "OpenSystems | None") -> int:
    from rich.markup import escape

    from evals import runner, tables
    from evals.bar import Bar
    from evals.systems import open_systems

    opening = systems or open_systems
    request = runner.Request(suite=args.suite, data=args.data, train=args.train, kb=args.kb)
    with Bar(_stderr()) as bar, opening(home=getattr(args, "home", None), progress=bar) as opened:
        results = runner.run(request, opened, bar)
    _write(args, results)
    warnings = results.config.get("warnings")
    for text in warnings if isinstance(warnings, list) else ():
        _stderr().print(f"[yellow]note:[/] {escape(str(text))}", highlight=False, soft_wrap=True)
    tables.show(results, console)
    return OK


def _compare(args: argparse.Namespace, console: "Console") -> int:
    from evals import results, tables
    from evals.comparison.compare import compare
    from evals.report import comparison_page

    comparison = compare(results.read(args.old), results.read(args.new))
    if args.html:
        comparison_page.write(comparison, args.html)
    tables.show_comparison(comparison, console)
    return REGRESSION if comparison.regressed else OK


def _write(args: argparse.Namespace, found: "Results") -> None:
    from evals import junit, results
    from evals.report import run_page

    if args.json:
        results.write(found, args.json)
    if args.html:
        run_page.write(found, args.html)
    if args.junit:
        junit.write(found, args.junit)


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


_DATA_HELP = {
    "retrieval": "folder with faq.jsonl, queries.jsonl and, where there is one, pairs.jsonl",
    "answers": "folder with faq.jsonl and queries.jsonl",
    "dialogs": "folder with faq.jsonl and dialogs.jsonl",
    **dict.fromkeys((*_TRAINED, "spelling"), "folder with queries.jsonl"),
}


def _train_help(suite: str) -> str:
    if suite not in _TRAINED:
        return "not used by this suite"
    return (
        "what to learn from: a folder's queries.jsonl without its test_open rows, or a single file; without it the "
        "rows of --data that are not test_open, and those that are get scored (or a fifth of each class, held out)"
    )

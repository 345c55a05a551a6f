"""The command `kefu`: thin; each command imports what it needs when it runs, so that `kefu --help` is instant."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from engine.settings import Settings

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code: 0 done, 1 done with complaints, 2 not done."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        sys.stderr.write("kefu: interrupted\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # the edge: known errors are one line, others are defects and keep their traceback
        if not _is_known(error):
            raise
        sys.stderr.write(f"kefu: {error}\n")
        return 2


def _is_known(error: Exception) -> bool:
    from engine.errors import EngineError
    from knowledge.errors import KnowledgeError
    from models.errors import ModelError

    return isinstance(error, EngineError | KnowledgeError | ModelError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kefu", description="Customer service that answers from your FAQ (客服).")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", metavar="DIR", help="all data of the installation (default: KEFU_HOME)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_ingest(commands, shared)
    _add_ask(commands, shared)
    _add_kb(commands, shared)
    _add_eval(commands, shared)
    _add_train(commands, shared)
    _add_models(commands, shared)
    _add_config(commands, shared)
    return parser


def _add_ingest(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    ingest = commands.add_parser("ingest", parents=[shared], help="read FAQ documents and publish them")
    ingest.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders of them")
    ingest.add_argument("--kb", default="default", metavar="NAME", help="the knowledge base; made if it is new")
    ingest.add_argument("--dry-run", action="store_true", help="report the same, write nothing")
    ingest.add_argument("--allow-rejects", action="store_true", help="exit code 0 even if a record was rejected")
    ingest.add_argument("--json", default="", metavar="OUT", help='the report as JSON; "-" for standard output')
    ingest.set_defaults(run=_ingest)


def _ingest(arguments: argparse.Namespace) -> int:
    from ingest.assemble import open_indexer
    from ingest.command import IngestOptions, run_ingest

    options = IngestOptions(
        paths=arguments.paths,
        kb=arguments.kb,
        dry_run=arguments.dry_run,
        allow_rejects=arguments.allow_rejects,
        json=arguments.json,
    )
    with open_indexer(_settings(arguments), arguments.kb) as indexer:
        return run_ingest(indexer, options, _stderr() if arguments.json == "-" else _stdout())


def _add_ask(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    ask = commands.add_parser("ask", parents=[shared], help="ask a knowledge base, here or in a file")
    ask.add_argument("question", nargs="*", help="one question; without it, a conversation begins")
    ask.add_argument("--kb", default="default", metavar="NAME")
    ask.add_argument("--why", action="store_true", help="print the receipt of every reply")
    ask.add_argument("--jsonl", type=Path, metavar="IN", help='lines of {"query"} or {"id", "turns": [text…]}')
    ask.add_argument("--out", type=Path, metavar="OUT", help="where --jsonl writes (default: standard output)")
    ask.set_defaults(run=_ask)


def _ask(arguments: argparse.Namespace) -> int:
    from server import terminal

    settings = _settings(arguments)
    if arguments.jsonl is not None:
        return terminal.answer_file(settings, arguments.kb, arguments.jsonl, arguments.out)
    return terminal.converse(
        settings, arguments.kb, _stdout(), question=" ".join(arguments.question), why=arguments.why
    )


def _add_kb(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    kb = commands.add_parser("kb", help="knowledge bases: list, history, rollback")
    actions = kb.add_subparsers(required=True, metavar="ACTION")
    listed = actions.add_parser("list", parents=[shared], help="all knowledge bases and their live versions")
    listed.set_defaults(run=_kb_list)
    history = actions.add_parser("history", parents=[shared], help="the versions of one")
    rollback = actions.add_parser("rollback", parents=[shared], help="let an earlier version answer again")
    rollback.add_argument("version", nargs="?", help="default: the one before the live one")
    for action, run in ((history, _kb_history), (rollback, _kb_rollback)):
        action.add_argument("--kb", default="default", metavar="NAME")
        action.set_defaults(run=run)


def _kb_list(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.show_bases(_settings(arguments), _stdout())


def _kb_history(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.show_history(_settings(arguments), arguments.kb, _stdout())


def _kb_rollback(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.roll_back(_settings(arguments), arguments.kb, arguments.version, _stdout())


def _add_eval(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    from evals import command

    measure = commands.add_parser("eval", parents=[shared], help="measure answers, intents, spelling, …")
    command.add_arguments(measure)
    measure.set_defaults(run=lambda arguments: command.run(arguments, _stdout()))


def _add_train(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    train = commands.add_parser("train", help="learn from a company's own examples")
    kinds = train.add_subparsers(required=True, metavar="WHAT")
    intent = kinds.add_parser("intent", parents=[shared], help="the company's own intents")
    intent.add_argument("data", type=Path, metavar="DATA", help='lines of {"query", "intent"}; intent "oos": none')
    intent.add_argument("--kb", default="default", metavar="NAME", help="the base whose visitors they are")
    intent.set_defaults(run=_train_intent)


def _train_intent(arguments: argparse.Namespace) -> int:
    from ingest.training import train_intents

    return train_intents(_settings(arguments), arguments.kb, arguments.data, _stdout())


def _add_models(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    models = commands.add_parser("models", help="the models on disk")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    prepare = actions.add_parser("prepare", parents=[shared], help="prepare the configured encoders for serving")
    prepare.set_defaults(run=_prepare_models)


def _prepare_models(arguments: argparse.Namespace) -> int:
    from engine import assemble

    settings = _settings(arguments)
    models = assemble.open_models(settings)
    _stdout().print(f"ready in {settings.models_folder}: {models.encoder.name} ({models.encoder.dim} dimensions)")
    return 0


def _add_config(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    config = commands.add_parser("config", help="what is configured")
    actions = config.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", parents=[shared], help="every setting with its value")
    show.add_argument("--markdown", action="store_true", help="the defaults, explained, as in docs/CONFIG.md")
    show.set_defaults(run=_show_config)


def _show_config(arguments: argparse.Namespace) -> int:
    from engine.settings import as_markdown, describe

    if arguments.markdown:
        sys.stdout.write(as_markdown())
        return 0
    for setting in describe(_settings(arguments)):
        _stdout().print(f"{setting.key} = {setting.value!r}", highlight=False, markup=False)
    return 0


def _settings(arguments: argparse.Namespace) -> "Settings":
    from engine import settings

    return settings.load(home=arguments.home)


def _stdout() -> "Console":
    from rich.console import Console

    return Console()


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


if __name__ == "__main__":
    raise SystemExit(main())

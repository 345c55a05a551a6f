"""The command `kefu`: thin; each command imports what it needs when it runs, so that `kefu --help` is instant."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from server.settings import Installation

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    Run = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code: 0 done, 1 done with complaints, 2 not done."""
    arguments = _parser().parse_args(argv)
    return guarded(lambda: int(arguments.run(arguments)))


def guarded(run: "Callable[[], int]") -> int:
    """Run something to its exit code; what ends it early is one line on standard error."""
    try:
        return run()
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("; ".join(filter(None, ("kefu: interrupted", str(interrupt)))) + "\n")
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
    from ingest.errors import IngestError
    from knowledge.errors import KnowledgeError
    from models.errors import ModelError
    from server.errors import ServerError

    return isinstance(error, EngineError | IngestError | KnowledgeError | ModelError | ServerError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kefu", description="Customer service that answers from your FAQ (客服).")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", metavar="DIR", help="all data of the installation (default: KEFU_HOME)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_ingest(commands, shared)
    _add_ask(commands, shared)
    _add_serve(commands, shared)
    _add_keys(commands, shared)
    _add_agents(commands, shared)
    _add_webhooks(commands, shared)
    _add_kb(commands, shared)
    _add_eval(commands, shared)
    _add_train(commands, shared)
    _add_models(commands, shared)
    _add_config(commands, shared)
    return parser


def _add_ingest(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    ingest = commands.add_parser("ingest", parents=[shared], help="read FAQ documents and publish them")
    ingest.add_argument("paths", nargs="+", type=_path, metavar="PATH", help="files, or folders of them")
    ingest.add_argument("--kb", default="default", metavar="NAME", help="the knowledge base; made if it is new")
    ingest.add_argument("--dry-run", action="store_true", help="report the same, write nothing")
    ingest.add_argument("--allow-rejects", action="store_true", help="exit code 0 even if a record was rejected")
    ingest.add_argument(
        "--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field: question=问题"
    )
    ingest.add_argument("--sync", action="store_true", help="remove what the documents no longer have")
    ingest.add_argument("--force", action="store_true", help="with --sync: also if little could be read")
    ingest.add_argument(
        "--overwrite-edited", action="store_true", help="take the documents' word where entries were edited by hand"
    )
    _add_gate(ingest)
    ingest.add_argument("--json", default="", metavar="OUT", help='the report as JSON; "-" for standard output')
    ingest.set_defaults(run=_ingest)


def _add_gate(command: argparse.ArgumentParser) -> None:
    gate = command.add_mutually_exclusive_group()
    gate.add_argument("--gate", metavar="SUITE", help="do not publish a version that breaks these questions (JSONL)")
    gate.add_argument("--no-gate", dest="gate", action="store_const", const="", help="publish whatever the gate says")


def _path(text: str) -> Path:
    """Refuse an empty path, which would be the current folder: mostly a shell variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("a path is empty; is a variable not set?")
    return Path(text)


def _ingest(arguments: argparse.Namespace) -> int:
    from ingest.assemble import open_indexer
    from ingest.command import IngestOptions, columns_of, run_ingest
    from ingest.index import Rules

    options = IngestOptions(
        paths=arguments.paths,
        kb=arguments.kb,
        dry_run=arguments.dry_run,
        allow_rejects=arguments.allow_rejects,
        rules=Rules(
            sync=arguments.sync,
            force=arguments.force,
            overwrite_edited=arguments.overwrite_edited,
            columns=columns_of(arguments.map),
        ),
        json=arguments.json,
    )
    with open_indexer(_settings(arguments), arguments.kb, gate=arguments.gate) as indexer:
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


def _add_serve(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    serve = commands.add_parser("serve", parents=[shared], help="serve visitors over WebSocket and HTTP")
    serve.add_argument("--demo", metavar="KB", help="with a demonstration shop at /, whose chat this base answers")
    serve.add_argument("--listening", type=int, help=argparse.SUPPRESS)  # descriptors, given by the parent process
    serve.add_argument("--control", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from engine.settings import config_file

    def read() -> "Installation":
        settings = _settings(arguments)
        if not arguments.demo:
            return settings
        return replace(settings, server=replace(settings.server, demo_kb=arguments.demo))

    if arguments.control is not None:
        from server.serving import serve

        file, sockets = config_file(home=arguments.home), (arguments.listening, arguments.control)
        return serve(read(), listening=sockets[0], control=sockets[1], read=read, file=file)
    from server.parent import run

    settings = read()
    if arguments.demo:
        from server.staff.demo import add_demo_agents

        add_demo_agents(settings, _stdout())

    given = {"--home": arguments.home, "--demo": arguments.demo}
    options = [part for name, value in given.items() if value for part in (name, value)]
    return run(settings, [sys.executable, str(Path(__file__).resolve()), "serve", *options])


def _add_keys(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    keys = commands.add_parser("keys", help="keys of widgets and programs: add, list, revoke")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[shared], help="make a key")
    add.add_argument("--widget", metavar="KB", help="publishable, for a page: this knowledge base answers")
    add.add_argument("--secret", metavar="SCOPES", help="secret, for a program: scopes separated by commas")
    add.add_argument("--origin", action="append", default=[], help="a page that may show the widget (default: any)")
    add.add_argument("--name", default="", help="what it is for")
    listed = actions.add_parser("list", parents=[shared], help="all keys")
    revoke = actions.add_parser("revoke", parents=[shared], help="withdraw a key; its connections are closed")
    revoke.add_argument("id", help="as `kefu keys list` shows it")
    for action, name in ((add, "add"), (listed, "show"), (revoke, "revoke")):
        action.add_argument("--workspace", default="default", metavar="NAME")
        action.set_defaults(run=lambda arguments, name=name: _keys(arguments, name))


def _keys(arguments: argparse.Namespace, action: str) -> int:
    from server.access import command

    return int(getattr(command, action)(_settings(arguments), arguments, _stdout()))


def _add_agents(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    agents = commands.add_parser("agents", help="who answers in the console: add, list, disable, enable, password")
    actions = agents.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[shared], help="let somebody sign in")
    listed = actions.add_parser("list", parents=[shared], help="all agents")
    disable = actions.add_parser("disable", parents=[shared], help="sign somebody out for good, within a second")
    enable = actions.add_parser("enable", parents=[shared], help="let somebody sign in again")
    password = actions.add_parser("password", parents=[shared], help="set another password")
    add.add_argument("--name", default="", help="that visitors see (default: the login)")
    add.add_argument("--role", default="agent", help="agent (the default), supervisor or admin")
    add.add_argument("--department", action="append", default=[], metavar="ID", help="default: general")
    add.add_argument("--language", action="append", default=[], metavar="zh|en", help="default: any")
    add.add_argument("--skill", action="append", default=[])
    add.add_argument("--capacity", type=int, default=4, metavar="N", help="conversations at once (default: 4)")
    for action in (add, password):
        action.add_argument("--ask-password", action="store_true", help="be asked for one; else one is made and shown")
    runs = ((add, "add"), (listed, "show"), (disable, "disable"), (enable, "enable"), (password, "password"))
    for action, name in runs:
        if action is not listed:
            action.add_argument("login")
        action.add_argument("--workspace", default="default", metavar="NAME")
        action.set_defaults(run=lambda arguments, name=name: _agents(arguments, name))


def _agents(arguments: argparse.Namespace, action: str) -> int:
    from server.staff import command

    return int(getattr(command, action)(_settings(arguments), arguments, _stdout()))


def _add_webhooks(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    webhooks = commands.add_parser("webhooks", help="who is told what happens: add, list, rotate, dead, redeliver, …")
    actions = webhooks.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: str, text: str, *, one: bool = True) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, parents=[shared], help=text)
        if one:
            parser.add_argument("id", help="as `kefu webhooks list` shows it")
        parser.add_argument("--workspace", default="default", metavar="NAME")
        parser.set_defaults(run=lambda arguments: _webhooks(arguments, run))
        return parser

    add = action("add", "add", "send messages to an address", one=False)
    add.add_argument("url", metavar="URL", help="https://…, or a host that server.webhook_allow names")
    add.add_argument("--kind", action="append", default=[], help="of messages, such as reply.created (default: all)")
    add.add_argument("--no-challenge", action="store_true", help="do not have the receiver echo a value first")
    action("list", "show", "all receivers, what waits for them and what was given up", one=False)
    action("remove", "remove", "send nothing more, and forget what waits")
    rotated = action("rotate", "rotate", "make a new secret; messages are signed with the old one, too")
    rotated.add_argument("--retire", action="store_true", help="make none; stop signing with the old one")
    action("disable", "disable", "send nothing more; what waits goes to the dead letters")
    action("enable", "enable", "send again to a receiver that was disabled")
    dead = action("dead", "dead", "messages that were given up, and why")
    dead.add_argument("--limit", type=int, default=100, metavar="N", help="messages shown")
    redelivered = action("redeliver", "redeliver", "send messages again that were given up")
    redelivered.add_argument("message", nargs="?", default="", help="as `kefu webhooks dead` shows it (default: all)")


def _webhooks(arguments: argparse.Namespace, action: str) -> int:
    from server.events import command

    return int(getattr(command, action)(_settings(arguments), arguments, _stdout()))


def _add_kb(commands: "Commands", shared: argparse.ArgumentParser) -> None:
    kb = commands.add_parser("kb", help="knowledge bases: list, show, history, diff, rollback, export, search, …")
    actions = kb.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: "Run", text: str, *, json: bool = True, base: bool = True) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, parents=[shared], help=text)
        if base:
            parser.add_argument("--kb", default="default", metavar="NAME")
        if json:
            out = 'as JSON, into a file or ("-") on standard output'
            parser.add_argument("--json", nargs="?", const="-", default="", metavar="OUT", help=out)
        parser.set_defaults(run=run)
        return parser

    action("list", _kb_list, "all knowledge bases and their live versions", base=False)
    shown = action("show", _kb_show, "facts about one, or one entry with its sources and passages")
    shown.add_argument("entry", nargs="?", default="", metavar="ENTRY", help="id of an entry; without it, the base")
    action("history", _kb_history, "the versions of one")
    compared = action("diff", _kb_diff, "entries that differ between two versions")
    compared.add_argument("before", nargs="?", default="previous", help='version, its beginning, "live", "previous"')
    compared.add_argument("after", nargs="?", default="live")
    rollback = action("rollback", _kb_rollback, "let an earlier version answer again", json=False)
    rollback.add_argument("version", nargs="?", help="default: the one before the live one")
    exported = action("export", _kb_export, "every live entry as a line of JSON", json=False)
    exported.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    searched = action("search", _kb_search, "what a question finds, and what would be decided")
    searched.add_argument("question")
    published = action("publish", _kb_publish, "build and publish again, as after a change of the encoder", json=False)
    _add_gate(published)
    edited = action("edit", _kb_edit, "change one entry by hand, and publish", json=False)
    edited.add_argument("entry", metavar="ENTRY")
    edited.add_argument("--question", metavar="TEXT")
    edited.add_argument("--answer", type=Path, metavar="FILE", help='file with the new answer; "-": standard input')
    edited.add_argument("--category", metavar="TEXT")
    removed = action("remove", _kb_remove, "take one entry out by hand, and publish", json=False)
    removed.add_argument("entry", metavar="ENTRY")
    gaps = action("gaps", _kb_gaps, "what visitors asked in vain, grouped: the start of an FAQ to write")
    gaps.add_argument("--draft", type=Path, metavar="FILE", help="write a document to be filled in")
    gaps.add_argument("--limit", type=int, default=20, metavar="N", help="groups shown")


def _kb_list(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.show_bases(_settings(arguments), _stdout(), json=arguments.json)


def _kb_show(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.show(_settings(arguments), arguments.kb, arguments.entry, _stdout(), json=arguments.json)


def _kb_history(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.show_history(_settings(arguments), arguments.kb, _stdout(), json=arguments.json)


def _kb_diff(arguments: argparse.Namespace) -> int:
    from ingest import bases

    between = (arguments.before, arguments.after)
    return bases.diff(_settings(arguments), arguments.kb, *between, _stdout(), json=arguments.json)


def _kb_rollback(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.roll_back(_settings(arguments), arguments.kb, arguments.version, _stdout())


def _kb_export(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.export(_settings(arguments), arguments.kb, arguments.out, _stdout())


def _kb_search(arguments: argparse.Namespace) -> int:
    from ingest import searching

    return searching.search(_settings(arguments), arguments.kb, arguments.question, _stdout(), json=arguments.json)


def _kb_publish(arguments: argparse.Namespace) -> int:
    from ingest import bases

    return bases.publish(_settings(arguments), arguments.kb, _stdout(), gate=arguments.gate)


def _kb_edit(arguments: argparse.Namespace) -> int:
    from ingest import by_hand

    given = {"question": arguments.question, "category": arguments.category}
    fields = {name: text for name, text in given.items() if text is not None}
    return by_hand.edit(_settings(arguments), arguments.kb, arguments.entry, fields, arguments.answer, _stdout())


def _kb_remove(arguments: argparse.Namespace) -> int:
    from ingest import by_hand

    return by_hand.remove(_settings(arguments), arguments.kb, arguments.entry, _stdout())


def _kb_gaps(arguments: argparse.Namespace) -> int:
    from ingest.gaps import show_gaps

    console = _stderr() if arguments.json == "-" else _stdout()
    return show_gaps(
        _settings(arguments),
        arguments.kb,
        console,
        draft=arguments.draft,
        limit=arguments.limit,
        json=arguments.json,
    )


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
    show = actions.add_parser("show", parents=[shared], help="every setting with its value and where it comes from")
    show.add_argument("--markdown", action="store_true", help="the defaults, explained, as in docs/CONFIG.md")
    show.set_defaults(run=_show_config)
    check = actions.add_parser("check", parents=[shared], help="is the configuration right? before a reload, say")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the one that would be used")
    check.set_defaults(run=_check_config)


def _show_config(arguments: argparse.Namespace) -> int:
    from engine.settings import as_markdown, describe, sources
    from server.settings import Installation

    if arguments.markdown:
        sys.stdout.write(as_markdown(Installation()))
        return 0
    described = describe(_settings(arguments))
    given = sources(Installation, home=arguments.home)
    for setting in described:
        sys.stdout.write(f"{setting.key} = {setting.value!r}  # {given.get(setting.key, 'default')}\n")
    return 0


def _check_config(arguments: argparse.Namespace) -> int:
    from engine.settings import load_as
    from server.settings import Installation

    load_as(Installation, home=arguments.home, file=arguments.file)
    sys.stdout.write("OK\n")
    return 0


def _settings(arguments: argparse.Namespace) -> "Installation":
    from engine.settings import load_as
    from server.settings import Installation

    return load_as(Installation, home=arguments.home)


def _stdout() -> "Console":
    from rich.console import Console

    return Console()


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


if __name__ == "__main__":
    raise SystemExit(main())

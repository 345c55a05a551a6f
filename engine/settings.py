"""What can be configured: frozen values with their defaults, and the one place that reads TOML and environment.

A setting `engine.deadline_s` is `deadline_s` under `[engine]` in kefu.toml, or the variable KEFU_ENGINE_DEADLINE_S.
"""

import ast
import inspect
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import SettingsError


def _require(condition: bool, key: str, value: object, allowed: str) -> None:
    if not condition:
        raise SettingsError(f"{key} is {value!r}; it must be {allowed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which models are used and where they are kept."""

    encoder: str = "bundled"
    """`bundled` (three small encoders in one, for Chinese and English), the name of any sentence-transformers model
    such as `BAAI/bge-m3`, or a folder that holds one."""
    folder: str = ""
    """Folder of prepared models; default: `models` below the home folder. KEFU_MODELS overrides it."""
    threads: int = 1
    """Threads of one encoder call; more than one is slower for single questions."""

    def __post_init__(self) -> None:
        """Validate."""
        _require(self.encoder != "", "models.encoder", self.encoder, "`bundled`, a name or a folder")
        _require(1 <= self.threads <= 64, "models.threads", self.threads, "from 1 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSettings:
    """Where vectors are searched and how a version is published."""

    store: str = "faiss://"
    """`faiss://` (in the process), `memory://` (exact, for small bases) or `qdrant://host:port`."""
    keep_versions: int = 3
    """Earlier versions kept for rollback."""
    max_wrong_rate: float = 0.05
    """Share of all questions that may get a wrong answer; thresholds are calibrated to it at publish."""
    gate: str = ""
    """File with questions and what should come of them, as for `kefu eval answers`; a version that answers them worse
    than the live one is not published. Empty: no gate."""

    def __post_init__(self) -> None:
        """Validate."""
        schemes = ("faiss://", "memory://", "qdrant://")
        _require(self.store.startswith(schemes), "knowledge.store", self.store, f"one of {', '.join(schemes)}…")
        _require(1 <= self.keep_versions <= 100, "knowledge.keep_versions", self.keep_versions, "from 1 to 100")
        _require(0 < self.max_wrong_rate < 1, "knowledge.max_wrong_rate", self.max_wrong_rate, "between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How a turn is answered."""

    deadline_s: float = 2.0
    """Seconds from a turn to its decision; one that takes longer goes to a person."""
    max_chars: int = 2000
    """Characters of a turn that are read; what follows is left out."""
    cache_entries: int = 10_000
    """Questions whose evidence is kept."""
    cache_ttl_s: float = 600.0
    """Seconds for which evidence is kept."""
    queue_limit: int = 1000
    """Turns that may wait for the encoder; one more is refused at once."""
    batch_limit: int = 16
    """Turns that one encoder call takes together."""
    candidates: int = 10
    """Entries that a search brings back."""

    def __post_init__(self) -> None:
        """Validate."""
        _require(0.05 <= self.deadline_s <= 60, "engine.deadline_s", self.deadline_s, "from 0.05 to 60 seconds")
        _require(1 <= self.max_chars <= 100_000, "engine.max_chars", self.max_chars, "from 1 to 100000")
        _require(0 <= self.cache_entries <= 10**7, "engine.cache_entries", self.cache_entries, "from 0 to 10 million")
        _require(0 < self.cache_ttl_s <= 86_400, "engine.cache_ttl_s", self.cache_ttl_s, "above 0, at most 86400")
        _require(1 <= self.queue_limit <= 10**6, "engine.queue_limit", self.queue_limit, "from 1 to 1000000")
        _require(1 <= self.batch_limit <= 256, "engine.batch_limit", self.batch_limit, "from 1 to 256")
        _require(5 <= self.candidates <= 24, "engine.candidates", self.candidates, "from 5 to 24")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSettings:
    """The optional language model that words answers; without one, approved answers go out verbatim."""

    url: str = ""
    """Base address of an OpenAI-compatible endpoint (`http://localhost:11434/v1`), or `transformers:FOLDER` for a
    local model in a child process; empty: no generator."""
    model: str = ""
    """The model's name at the endpoint."""
    api_key_env: str = "KEFU_GENERATOR_KEY"
    """Environment variable that holds the endpoint's key; the key itself is never in a file."""
    timeout_s: float = 10.0
    """Seconds to the last word; after that the verbatim answer goes out."""
    max_tokens: int = 400
    """Length of a generated reply."""
    daily_tokens: int = 1_000_000
    """Tokens that may be spent in a day; after that answers are verbatim."""

    def __post_init__(self) -> None:
        """Validate."""
        allowed = self.url == "" or self.url.startswith(("http://", "https://", "transformers:"))
        _require(allowed, "generator.url", self.url, "empty, http(s)://… or transformers:FOLDER")
        _require(0.1 <= self.timeout_s <= 60, "generator.timeout_s", self.timeout_s, "from 0.1 to 60 seconds")
        _require(1 <= self.max_tokens <= 8192, "generator.max_tokens", self.max_tokens, "from 1 to 8192")
        _require(self.daily_tokens >= 0, "generator.daily_tokens", self.daily_tokens, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration of an installation."""

    home: Path = Path("~/.local/share/kefu")
    """All data of the installation: knowledge, models, logs. KEFU_HOME and --home override it."""
    models: ModelSettings = field(default_factory=ModelSettings)
    """Table [models]."""
    knowledge: KnowledgeSettings = field(default_factory=KnowledgeSettings)
    """Table [knowledge]."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """Table [engine]."""
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    """Table [generator]."""

    @property
    def models_folder(self) -> Path:
        """Where prepared models lie."""
        return Path(self.models.folder).expanduser() if self.models.folder else self.home / "models"


Kind = TypeVar("Kind", bound=Settings)
_APPLICATIONS = frozenset({"server"})  # tables of applications over the engine, which read and check them themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One setting, for `kefu config show` and docs/CONFIG.md."""

    key: str  # as in the file: "engine.deadline_s"
    value: object
    variable: str
    doc: str


def describe(settings: Settings) -> list[Described]:
    """List every setting with its value and what it is for, in the order of the classes."""
    home = Described(key="home", value=str(settings.home), variable="KEFU_HOME", doc=_docs(Settings)["home"])
    sections = (item.name for item in fields(settings) if is_dataclass(getattr(settings, item.name)))
    return [home, *(each for name in sections for each in _describe_section(name, getattr(settings, name)))]


def as_markdown(settings: Settings) -> str:
    """Write docs/CONFIG.md: every setting with its default, which `settings` are, and what it is for."""
    lines = [
        "# Configuration",
        "",
        "Defaults, then `kefu.toml` in the home folder (or the file that `KEFU_CONFIG` names), then environment "
        "variables, then `--home`. An unknown key or a value out of range is an error that names it.",
        "",
        "This page is made from the settings' own texts: `kefu config show --markdown > docs/CONFIG.md`.",
        "",
        "| key | default | variable | what it is for |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{each.key}` | `{_toml(each.value)}` | `{each.variable}` | {each.doc} |" for each in describe(settings)
    ]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    match value:
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case bool():
            return str(value).lower()
        case _:
            return repr(value).replace("'", '"')


def _describe_section(name: str, section: Any) -> list[Described]:
    docs = _docs(type(section))
    return [
        Described(
            key=f"{name}.{item.name}",
            value=getattr(section, item.name),
            variable=_variable(name, item.name),
            doc=docs[item.name],
        )
        for item in fields(section)
    ]


def _docs(kind: type) -> dict[str, str]:
    """Read the texts below the fields of a class: the one place where a setting is explained."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, following in pairwise(body.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    docs[statement.target.id] = " ".join(text.split())
                case _:
                    raise AssertionError(f"{kind.__name__}.{statement.target.id} is not explained")
    return docs


def load(*, home: str | None = None, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read what the engine needs of the configuration; see `load_as`."""
    return load_as(Settings, home=home, file=file, environ=environ)


def load_as(
    kind: type[Kind], *, home: str | None = None, file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Kind:
    """Read the configuration: defaults, then kefu.toml, then KEFU_* variables, then `home` from the command line.

    Args:
        kind: `Settings`, or a class that adds an application's tables to it.
        home: overrides KEFU_HOME and the file.
        file: the TOML file; default: KEFU_CONFIG, or kefu.toml in the home folder, if it is there.
        environ: the environment.

    Raises:
        SettingsError: an unknown key, a value of the wrong type or out of range, a file that is not TOML.
    """
    values = _merge(_given(home, file, environ), _from_environment(kind, environ))
    if home or environ.get("KEFU_HOME") or "home" not in values:
        values["home"] = str(_base(home, environ))
    known = {item.name for item in fields(kind)}
    mine = {key: value for key, value in values.items() if key in known or key not in _APPLICATIONS}
    return typing.cast(Kind, _build(kind, mine, ""))


def config_file(*, home: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Give the file that `load_as` reads where none is named; it may not be there."""
    return Path(environ.get("KEFU_CONFIG") or _base(home, environ) / "kefu.toml")


def sources(
    kind: type[Settings],
    *,
    home: str | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Tell where the settings that are not defaults come from: their keys, and a file, a variable or "--home".

    Raises:
        SettingsError: the file cannot be read.
    """
    path = file or config_file(home=home, environ=environ)
    found = {key: str(path) for key in _keys(_given(home, file, environ))}
    for section, values in _from_environment(kind, environ).items():
        found |= {f"{section}.{name}": _variable(section, name) for name in values}
    if environ.get("KEFU_MODELS"):
        found["models.folder"] = "KEFU_MODELS"
    if environ.get("KEFU_HOME"):
        found["home"] = "KEFU_HOME"
    return {**found, "home": "--home"} if home else found


def _keys(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in values.items():
        keys += _keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return keys


def _base(home: str | None, environ: Mapping[str, str]) -> Path:
    return Path(home or environ.get("KEFU_HOME") or Settings().home).expanduser()


def _given(home: str | None, file: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the file; only the one in the home folder may be missing."""
    missing_ok = file is None and not environ.get("KEFU_CONFIG")
    return _read_toml(file or config_file(home=home, environ=environ), missing_ok=missing_ok)


def _read_toml(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if missing_ok:
            return {}
        raise SettingsError(f"{path} does not exist; write it, or unset KEFU_CONFIG") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error


def _from_environment(kind: type[Settings], environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section in fields(kind):
        table = _types(kind)[section.name]
        if not is_dataclass(table):
            continue
        for setting in fields(table):
            variable = _variable(section.name, setting.name)
            if variable in environ:
                found.setdefault(section.name, {})[setting.name] = environ[variable]
    if environ.get("KEFU_MODELS"):
        found.setdefault("models", {})["folder"] = environ["KEFU_MODELS"]
    return found


def _variable(section: str, name: str) -> str:
    return f"KEFU_{section}_{name}".upper()


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in lower.items()}
    for section, values in upper.items():
        if not isinstance(merged.setdefault(section, {}), dict):
            raise SettingsError(f"{section} is {merged[section]!r}; it must be a table [{section}]")
        merged[section].update(values)
    return merged


def _types(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: type, values: Mapping[str, Any], prefix: str) -> object:
    known = {item.name for item in fields(kind)}
    for key in values:
        if key not in known:
            raise SettingsError(f"unknown setting {prefix}{key}; known here: {', '.join(sorted(known))}")
    hints = _types(kind)
    return kind(**{key: _convert(hints[key], value, f"{prefix}{key}") for key, value in values.items()})


def _convert(kind: Any, value: Any, key: str) -> object:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise SettingsError(f"{key} is {value!r}; it must be a table [{key}]")
        return _build(kind, value, f"{key}.")
    if isinstance(kind, types.GenericAlias):  # tuple[str, ...]
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise SettingsError(f"{key} is {value!r}; it must be a list of strings")
        return tuple(item.strip() for item in items)
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    if kind is bool:
        return _truth(value, key)
    if isinstance(value, bool) or (isinstance(value, float) and kind is int):
        raise SettingsError(f"{key} is {value!r}; it must be {_named(kind)}")
    try:
        if kind in (int, float) and isinstance(value, int | float | str):
            return kind(value)
    except ValueError:
        raise SettingsError(f"{key} is {value!r}; it must be {_named(kind)}") from None
    if kind is str and isinstance(value, str):
        return value
    raise SettingsError(f"{key} is {value!r}; it must be {_named(kind)}")


def _truth(value: Any, key: str) -> bool:
    words = {"true": True, "false": False}
    known = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise SettingsError(f"{key} is {value!r}; it must be true or false")
    return known


def _named(kind: Any) -> str:
    return {int: "a whole number", float: "a number", str: "a text", Path: "a path"}.get(kind, str(kind))

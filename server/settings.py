"""What can be configured of the server; read by the same loader as the engine's settings."""

from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from engine.errors import SettingsError
from engine.settings import Settings
from server.connections.address import Proxies
from server.events.guard import Guard


def _require(condition: bool, key: str, value: object, allowed: str) -> None:
    if not condition:
        raise SettingsError(f"server.{key} is {value!r}; it must be {allowed}")


def _is_network(text: str) -> bool:
    try:
        return text == "*" or bool(ip_network(text))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the server listens, and how much it takes."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all, behind a proxy that speaks TLS."""
    port: int = 8080
    """Port to listen on; 0 takes a free one and says which."""
    log: str = "sqlite://"
    """Where conversations are kept: `sqlite://` (in the home folder) or `sqlite:///path/to/file`."""
    origins: tuple[str, ...] = ()
    """Pages that may open a connection beside the server's own, such as `https://shop.example`; `*`: any. A widget's
    key has a list of its own."""
    connections: int = 15_000
    """Live connections of this process; one more is told to come back later."""
    drain_s: float = 10.0
    """Seconds from SIGTERM until everybody was sent away and the process ends."""
    quiet_s: float = 1.2
    """Seconds of silence after a visitor's last message before the bot asks back or says that it does not know."""
    patience_s: float = 4.0
    """Seconds after which it does so even while the visitor goes on."""
    messages_per_minute: float = 60.0
    """Messages of one visitor; a burst of 20 is let through."""
    address_messages_per_minute: float = 1_200.0
    """Messages of all visitors of one address, such as an office's; a burst of a third is let through."""
    workspace_messages_per_minute: float = 120_000.0
    """Messages of all visitors of one workspace, so that none takes it all; a burst of a thirtieth is let through."""
    address_connections: int = 200
    """Live connections of one address; one more is told to come back later."""
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks of reverse proxies, whose `X-Forwarded-For` says where a visitor comes from. A proxy's own address is
    not limited, as it may stand for many."""
    demo_kb: str = ""
    """Knowledge base of a demonstration shop at `/`; empty: no such page. `kefu serve --demo` sets it."""
    log_level: str = "info"
    """Least severe lines that the server writes: `debug`, `info`, `warning` or `error`."""
    log_format: str = "json"
    """`json` (a line of JSON for each event) or `text`."""
    log_text: bool = False
    """Whether the line of a turn carries what the visitor wrote, masked as in onward events."""
    audit_days: float = 365.0
    """Days for which the audit log keeps who changed agents, departments and shared replies; 0: for ever."""
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose clients may read `/metrics`; a request that came through a proxy may not, unless `*` is listed."""
    otlp_endpoint: str = ""
    """Collector that traces are sent to, such as `http://localhost:4318`; empty: none are made."""
    otlp_ratio: float = 1.0
    """Share of turns that are traced, decided at their first span."""
    upload_mb: float = 10.0
    """Megabytes of a file that a visitor sends, ten times that in a day; 0: none is taken."""
    webhook_allow: tuple[str, ...] = ()
    """Hosts and networks that webhooks may call beside the public internet, such as `hooks.intranet` or
    `10.1.0.0/16`; these by plain HTTP and on any port, too."""

    def __post_init__(self) -> None:
        """Validate."""
        _require(0 <= self.port <= 65_535, "port", self.port, "from 0 to 65535")
        _require(self.log.startswith("sqlite://"), "log", self.log, "sqlite:// or sqlite:///path")
        _require(1 <= self.connections <= 10**6, "connections", self.connections, "from 1 to 1000000")
        _require(0.1 <= self.drain_s <= 600, "drain_s", self.drain_s, "from 0.1 to 600 seconds")
        _require(0 <= self.quiet_s <= 30, "quiet_s", self.quiet_s, "from 0 to 30 seconds")
        _require(self.quiet_s <= self.patience_s <= 60, "patience_s", self.patience_s, "from quiet_s to 60 seconds")
        _require(self.messages_per_minute > 0, "messages_per_minute", self.messages_per_minute, "positive")
        self._check_crowds()
        _require(self.audit_days >= 0, "audit_days", self.audit_days, "0 or more days")
        _require(0 <= self.upload_mb <= 100, "upload_mb", self.upload_mb, "from 0 to 100 megabytes")
        self._check_telemetry()
        self._check_webhooks()

    def _check_crowds(self) -> None:
        for key in ("address_messages_per_minute", "workspace_messages_per_minute"):
            _require(getattr(self, key) >= 30, key, getattr(self, key), "at least 30")
        _require(self.address_connections >= 1, "address_connections", self.address_connections, "at least 1")
        try:
            Proxies(self.proxies)
        except ValueError as error:
            raise SettingsError(f"server.proxies: {error}") from error

    def _check_webhooks(self) -> None:
        try:
            Guard.allowing(self.webhook_allow)
        except ValueError as error:
            raise SettingsError(f"server.webhook_allow: {error}") from error

    def _check_telemetry(self) -> None:
        levels, formats = ("debug", "info", "warning", "error"), ("json", "text")
        _require(self.log_level in levels, "log_level", self.log_level, f"one of {', '.join(levels)}")
        _require(self.log_format in formats, "log_format", self.log_format, "json or text")
        for network in self.metrics_from:
            _require(_is_network(network), "metrics_from", network, "a list of networks such as 10.0.0.0/8, or *")
        http = self.otlp_endpoint == "" or self.otlp_endpoint.startswith(("http://", "https://"))
        _require(http, "otlp_endpoint", self.otlp_endpoint, "empty or http(s)://…")
        _require(0 <= self.otlp_ratio <= 1, "otlp_ratio", self.otlp_ratio, "from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(Settings):
    """The engine's settings and the server's."""

    server: ServerSettings = field(default_factory=ServerSettings)
    """Table [server]."""

    @property
    def log_file(self) -> Path:
        """The SQLite file of the conversation log."""
        path = self.server.log.removeprefix("sqlite://")
        return Path(path).expanduser() if path else self.home / "conversations.db"

    @property
    def files_folder(self) -> Path:
        """The folder of files that visitors sent; beside the log, which knows what is in it."""
        return self.log_file.with_name("files")

    @property
    def webhooks_file(self) -> Path:
        """The SQLite file of webhooks and of what is on its way to them."""
        return self.home / "webhooks.db"

    @property
    def staff_file(self) -> Path:
        """The SQLite file of agents, departments and sessions."""
        return self.home / "staff.db"

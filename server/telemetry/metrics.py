"""What Prometheus reads. Counters are kept as things happen; what can be looked up is looked up at the scrape.

Every label has a bounded set of values: the first workspaces have a series each, all further ones share "other".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

OTHER = "other"

_STAGE_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_REPLY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
_COMMIT_APPENDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A turn that was answered."""

    workspace: str
    decision: str
    reason: str
    ms: float | None  # from the message to the stored reply; None: not known
    cached: bool
    stage_ms: Mapping[str, float]
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value that was looked up."""

    name: str  # without `kefu_`; a name that ends in `_total` only ever grows
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


class Bounded:
    """The values of a label: the first so many as they are, all others as "other"."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Give the value to count under."""
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value


class Metrics:
    """All metrics of one server, in a registry of its own."""

    def __init__(self, *, workspaces: int = 100) -> None:
        self._registry = CollectorRegistry()
        self.workspace = Bounded(workspaces)
        self._decision, self._reason, self._stage = Bounded(16), Bounded(32), Bounded(32)
        self._readers: list[Callable[[], Iterable[Reading]]] = []
        self._heard: dict[str, Counter] = {}  # series by workspace; looking one up by its labels takes longer
        self._answered: dict[tuple[str, str, bool], tuple[Counter, Histogram]] = {}
        self._registry.register(_Lookup(self._read))
        ProcessCollector(registry=self._registry)
        make = self._registry
        self._turns = Counter(
            "kefu_turns", "Turns answered by the bot.", ["workspace", "decision", "cached"], registry=make
        )
        self._handoffs = Counter(
            "kefu_handoffs", "Turns that went to a person.", ["workspace", "reason"], registry=make
        )
        self._degraded = Counter(
            "kefu_degraded", "Turns in which a stage failed or was left out.", ["stage"], registry=make
        )
        self._messages = Counter("kefu_messages", "What visitors said, stored.", ["workspace"], registry=make)
        self._ratings = Counter("kefu_ratings", "Thumbs of visitors.", ["workspace", "value"], registry=make)
        self._replies = Histogram(
            "kefu_reply_seconds",
            "From a visitor's message to the stored reply; clarify and unknown wait for the visitor to finish.",
            ["workspace", "decision"],
            buckets=_REPLY_SECONDS,
            registry=make,
        )
        self._stages = Histogram(
            "kefu_turn_seconds",
            "Time of one stage of a turn; stages that the cache spared are not counted.",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=make,
        )
        self._commit_seconds = Histogram(
            "kefu_commit_seconds", "One commit of the conversation log.", buckets=_COMMIT_SECONDS, registry=make
        )
        self._commit_appends = Histogram(
            "kefu_commit_appends", "Appends that one commit stored.", buckets=_COMMIT_APPENDS, registry=make
        )

    def read_from(self, reader: Callable[[], Iterable[Reading]]) -> None:
        """Look values up at each scrape."""
        self._readers.append(reader)

    def text(self) -> tuple[bytes, str]:
        """Give all metrics as Prometheus reads them, and their media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    # -- told as it happens

    def heard(self, workspace: str) -> None:
        """Count a visitor's message."""
        label = self.workspace(workspace)
        series = self._heard.get(label)
        if series is None:
            series = self._heard[label] = self._messages.labels(label)
        series.inc()

    def rated(self, workspace: str, *, up: bool) -> None:
        """Count a thumb."""
        self._ratings.labels(self.workspace(workspace), "up" if up else "down").inc()

    def turn(self, told: Told) -> None:
        """Count a turn."""
        workspace, decision = self.workspace(told.workspace), self._decision(told.decision)
        key = (workspace, decision, told.cached)
        series = self._answered.get(key)
        if series is None:
            turns = self._turns.labels(workspace, decision, "yes" if told.cached else "no")
            series = self._answered[key] = (turns, self._replies.labels(workspace, decision))
        turns, replies = series
        turns.inc()
        if told.ms is not None:
            replies.observe(told.ms / 1000)
        if told.decision == "handoff":
            self._handoffs.labels(workspace, self._reason(told.reason)).inc()
        for stage in told.degraded:
            self._degraded.labels(self._stage(stage)).inc()
        if not told.cached:
            for stage, ms in told.stage_ms.items():
                self._stages.labels(self._stage(stage)).observe(ms / 1000)

    def committed(self, appends: int, seconds: float) -> None:
        """Count a commit of the log; may be called from its thread."""
        self._commit_appends.observe(appends)
        self._commit_seconds.observe(seconds)

    # -- looked up

    def _read(self) -> Iterator[Reading]:
        for reader in self._readers:
            yield from reader()


class _Lookup(Collector):
    """Turns readings into metric families."""

    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing is known before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Look everything up."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for reading in self._read():
            family = families.get(reading.name)
            if family is None:
                kind = CounterMetricFamily if reading.name.endswith("_total") else GaugeMetricFamily
                labels = [name for name, _ in reading.labels]
                family = families[reading.name] = kind(f"kefu_{reading.name}", reading.help, labels=labels)
            family.add_metric([value for _, value in reading.labels], reading.value)
        yield from families.values()

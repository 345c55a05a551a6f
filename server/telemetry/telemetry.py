"""What the composition root holds of telemetry: counters, the turns' lines, and how they follow the configuration."""

from collections import Counter
from functools import partial

from aiohttp import web

from engine.engine import DialogEngine
from server.api.health import Readiness
from server.connections.endpoint import Connections
from server.conversations.service import Conversations
from server.events.figures import Figures
from server.reload import Live
from server.settings import Installation
from server.stores.sqlite import SqliteLog
from server.telemetry import readings, routes
from server.telemetry.logging import Output
from server.telemetry.metrics import Metrics
from server.telemetry.stalls import Stalls
from server.telemetry.turns import Turns
from server.uploads.running import RunningUploads


class Telemetry:
    """All of it, for one server."""

    def __init__(self, live: Live, output: Output | None = None) -> None:
        """Take what is there before the parts are.

        Args:
            live: the settings in force.
            output: where the log goes, None where somebody else configures it.
        """
        self.metrics = Metrics()
        self.turns = Turns(self.metrics, log_text=live.now.server.log_text)
        self.stalls = Stalls()
        self._live = live
        self.metrics.read_from(self.stalls.readings)
        live.follow(("server.log_text",), self._adjust_turns)
        live.follow(("server.metrics_from",), lambda settings: None)  # asked for at each request
        if output is not None:
            self.metrics.read_from(partial(readings.of_output, output))
            live.follow(("server.log_level", "server.log_format"), lambda settings: output.adjust(settings.server))

    def add_routes(self, app: web.Application) -> None:
        """Add /metrics."""
        routes.add_routes(app, self.metrics, lambda: self._live.now.server.metrics_from)

    def watch(
        self,
        *,
        ready: Readiness,
        engine: DialogEngine,
        log: SqliteLog,
        conversations: Conversations,
        connections: Connections,
        webhooks: Figures,
        api_refused: Counter[tuple[str, str]],
        uploads: RunningUploads,
    ) -> None:
        """Look up the parts' figures at each scrape."""
        self.metrics.read_from(partial(readings.of_readiness, ready))
        self.metrics.read_from(partial(readings.of_engine, engine))
        self.metrics.read_from(partial(readings.of_log, log))
        self.metrics.read_from(partial(readings.of_conversations, conversations))
        self.metrics.read_from(partial(readings.of_connections, connections, self.metrics.workspace))
        self.metrics.read_from(partial(readings.of_api, api_refused, self.metrics.workspace))
        self.metrics.read_from(partial(readings.of_webhooks, webhooks, self.metrics.workspace))
        self.metrics.read_from(partial(readings.of_uploads, uploads, self.metrics.workspace))

    def _adjust_turns(self, settings: Installation) -> None:
        self.turns.log_text = settings.server.log_text

"""The parts of a running server, by the keys under which the application holds them."""

from aiohttp import web

from engine.engine import DialogEngine
from server.access.keys import Keys
from server.access.request import Callers
from server.access.tokens import Tokens
from server.api.bases import Bases
from server.api.health import Readiness
from server.connections.endpoint import Connections
from server.conversations.service import Conversations
from server.events.running import RunningWebhooks
from server.reload import Live
from server.stores.protocols import ConversationLog
from server.telemetry.telemetry import Telemetry

BASES = web.AppKey("bases", Bases)
CALLERS = web.AppKey("callers", Callers)
CONNECTIONS = web.AppKey("connections", Connections)
CONVERSATIONS = web.AppKey("conversations", Conversations)
ENGINE = web.AppKey("engine", DialogEngine)
KEYS = web.AppKey("keys", Keys)
LIVE = web.AppKey("live", Live)
LOG = web.AppKey("log", ConversationLog)
READY = web.AppKey("ready", Readiness)
TELEMETRY = web.AppKey("telemetry", Telemetry)
TOKENS = web.AppKey("tokens", Tokens)
WEBHOOKS = web.AppKey("webhooks", RunningWebhooks)

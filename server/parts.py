"""The parts of a running server, by the keys under which the application holds them."""

from aiohttp import web

from engine.engine import DialogEngine
from server.access.guests import Guests
from server.access.keys import Keys
from server.access.request import Callers
from server.access.tokens import Tokens
from server.api.bases import Bases
from server.api.health import Readiness
from server.connections.endpoint import Connections
from server.connections.http_endpoint import HttpEndpoint
from server.conversations.service import Conversations
from server.events.running import RunningWebhooks
from server.handoff.desk import Desk
from server.reload import Live
from server.stores.protocols import ConversationLog
from server.telemetry.telemetry import Telemetry
from server.uploads.running import RunningUploads

BASES = web.AppKey("bases", Bases)
CALLERS = web.AppKey("callers", Callers)
CONNECTIONS = web.AppKey("connections", Connections)
CONVERSATIONS = web.AppKey("conversations", Conversations)
DESK = web.AppKey("desk", Desk)
ENGINE = web.AppKey("engine", DialogEngine)
HTTP = web.AppKey("http", HttpEndpoint)
GUESTS = web.AppKey("guests", Guests)
KEYS = web.AppKey("keys", Keys)
LIVE = web.AppKey("live", Live)
LOG = web.AppKey("log", ConversationLog)
READY = web.AppKey("ready", Readiness)
TELEMETRY = web.AppKey("telemetry", Telemetry)
TOKENS = web.AppKey("tokens", Tokens)
UPLOADS = web.AppKey("uploads", RunningUploads)
WEBHOOKS = web.AppKey("webhooks", RunningWebhooks)

"""The console's parts of a running server."""

from aiohttp import web

from server.console.advice import Advice
from server.console.receipts import Receipts
from server.console.tickets import Tickets
from server.staff.running import RunningStaff

ADVICE = web.AppKey("advice", Advice)
STAFF = web.AppKey("staff", RunningStaff)
RECEIPTS = web.AppKey("receipts", Receipts)
CONSOLE_TICKETS = web.AppKey("console_tickets", Tickets)

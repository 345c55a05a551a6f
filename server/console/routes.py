"""Where the console is found: its pages, and what they ask for."""

from aiohttp import web

from server.connections.rates import Limiter, Rate
from server.console import cases, files, finding, pages, proposing, signing_in, team
from server.console.http import REQUESTS, add_operation

OPERATIONS = (
    *signing_in.OPERATIONS, *cases.OPERATIONS, *finding.OPERATIONS, *proposing.OPERATIONS, *files.OPERATIONS,
    *team.OPERATIONS,
)  # fmt: skip


def add_routes(app: web.Application, *, requests: Rate = REQUESTS) -> None:
    """Add the operations below /v1/console, and the pages below /console."""
    limiter = Limiter(requests)
    signing_in.add_sign_in(app)
    for operation in OPERATIONS:
        add_operation(app, operation, limiter)
    pages.add_routes(app)

"""What is looked up at a scrape: the parts themselves know it, so that nothing is counted twice."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import time_ns

from engine.engine import DialogEngine
from server.api.health import Readiness
from server.connections.endpoint import Connections
from server.conversations.events import Millis
from server.conversations.service import Conversations
from server.events.deliveries import Counts
from server.events.figures import Figures, added
from server.stores.sqlite import SqliteLog
from server.telemetry.logging import Output
from server.telemetry.metrics import Reading
from server.uploads.figures import RATE
from server.uploads.running import RunningUploads


def of_connections(connections: Connections, workspace: Callable[[str], str]) -> Iterator[Reading]:
    """Tell who is there, what waits for them, and who was refused or sent away.

    Args:
        connections: the part.
        workspace: bounds the values of a label.
    """
    frames, size = connections.waiting
    yield Reading(name="connections", help="Live WebSocket connections.", value=len(connections))
    yield Reading(name="outbox_frames", help="Frames that wait for slow peers.", value=frames)
    yield Reading(name="outbox_bytes", help="Bytes that wait for slow peers.", value=size)
    for name, reason, times in _shared(connections.refused, workspace):
        labels = (("workspace", name), ("reason", reason))
        yield Reading(name="refused_total", help="Requests and frames refused.", value=times, labels=labels)
    for reason, times in connections.closed.items():
        text = 'Connections that ended; "normal": by the peer.'
        yield Reading(name="closed_total", help=text, value=times, labels=(("reason", reason),))


def of_api(refused: Mapping[tuple[str, str], int], workspace: Callable[[str], str]) -> Iterator[Reading]:
    """Tell what programs were refused, by the kind of problem."""
    for name, reason, times in _shared(refused, workspace):
        labels = (("workspace", name), ("reason", reason))
        yield Reading(name="api_refused_total", help="Requests of programs refused.", value=times, labels=labels)


def of_webhooks(
    figures: Figures,
    workspace: Callable[[str], str],
    now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
) -> Iterator[Reading]:
    """Tell what waits for receivers, since when, and what was given up."""
    shared: dict[str, Counts] = {}
    for name, counts in figures.by_workspace.items():
        label = workspace(name)
        shared[label] = added(shared.get(label, Counts()), counts)
    for name, counts in shared.items():
        labels = (("workspace", name),)
        oldest_s = max(0.0, (now_ms() - counts.oldest) / 1000) if counts.oldest is not None else 0.0
        yield Reading(
            name="webhooks_waiting", help="Messages on their way to receivers.", value=counts.waiting, labels=labels
        )
        yield Reading(
            name="webhooks_oldest_seconds", help="Since when the oldest of them waits.", value=oldest_s, labels=labels
        )
        yield Reading(name="webhooks_dead", help="Messages that were given up.", value=counts.dead, labels=labels)


def of_uploads(uploads: RunningUploads, workspace: Callable[[str], str]) -> Iterator[Reading]:
    """Tell what files were kept, which were not and why, and what the pictures among them cost."""
    figures, rate = uploads.files.figures, uploads.limits.refused
    for name, text, counted in (
        ("uploads_total", "Files that were kept.", figures.files),
        ("uploads_bytes_total", "Bytes of files that were kept, as they are kept.", figures.bytes),
    ):
        for label, media_type, value in _shared(counted, workspace):
            yield Reading(name=name, help=text, value=value, labels=(("workspace", label), ("media_type", media_type)))
    refused = figures.refused + Counter({(name, RATE): times for name, times in rate.items()})
    for label, reason, times in _shared(refused, workspace):
        labels = (("workspace", label), ("reason", reason))
        yield Reading(name="uploads_refused_total", help="Files that were not kept.", value=times, labels=labels)
    pictures, seconds = uploads.files.drawing
    yield Reading(name="upload_pictures_total", help="Pictures that were drawn anew, or not.", value=pictures)
    yield Reading(name="upload_worker_seconds_total", help="Time that the worker had them.", value=seconds)


def _shared(counted: Mapping[tuple[str, str], int], workspace: Callable[[str], str]) -> Iterator[tuple[str, str, int]]:
    """Give counts by workspace and something else, with the workspaces as the label bounds them."""
    shared: Counter[tuple[str, str]] = Counter()
    for (name, other), times in counted.items():
        shared[workspace(name) if name else "", other] += times
    for (name, other), times in shared.items():
        yield name, other, times


def of_conversations(conversations: Conversations) -> Iterator[Reading]:
    """Tell how many conversations are in memory."""
    for state, number in zip(("in_use", "idle"), conversations.lanes, strict=True):
        text = "Conversations in memory."
        yield Reading(name="conversations", help=text, value=number, labels=(("state", state),))


def of_engine(engine: DialogEngine) -> Iterator[Reading]:
    """Tell what waits for the models, and what is cached."""
    yield Reading(name="engine_waiting", help="Turns that wait for the models.", value=engine.waiting)
    yield Reading(name="cache_entries", help="Questions whose evidence is kept.", value=engine.cached)


def of_log(log: SqliteLog) -> Iterator[Reading]:
    """Tell what waits to be stored."""
    yield Reading(name="log_waiting", help="Appends that wait for a commit of the log.", value=log.waiting)


def of_readiness(ready: Readiness) -> Iterator[Reading]:
    """Tell whether visitors may be sent here."""
    yield Reading(name="ready", help="1 while visitors may be sent here.", value=float(bool(ready)))


def of_output(output: Output) -> Iterator[Reading]:
    """Tell which log lines were not written."""
    for reason, lines in output.left_out.items():
        text = "Log lines that were not written."
        yield Reading(name="log_lines_left_out_total", help=text, value=lines, labels=(("reason", reason),))

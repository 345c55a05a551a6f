import io
import json
import logging
import sys
import threading

import pytest

from server.settings import ServerSettings
from server.telemetry.logging import OWN, TURNS, Gathered, Line, Repeats, configure


@pytest.fixture
def stream():
    """Log output configured as in a server; all of it is undone."""
    root, names = logging.getLogger(), [*OWN, TURNS]
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in names}
    root_level = root.level
    yield io.StringIO()
    for handler in root.handlers[:]:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(root_level)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


def lines(stream):
    for handler in logging.getLogger().handlers:
        handler.flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_logger_and_message(stream):
    configure(ServerSettings(), stream)
    logging.getLogger("server.app").info("%d turns", 3)
    [line] = lines(stream)
    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"], line["message"]) == ("info", "server.app", "3 turns")


def test_libraries_are_heard_from_warnings_on_and_we_from_info_on(stream):
    configure(ServerSettings(), stream)
    logging.getLogger("faiss.loader").info("Loading faiss.")
    logging.getLogger("server.app").debug("too fine")
    logging.getLogger("faiss.loader").warning("odd")
    assert [line["message"] for line in lines(stream)] == ["odd"]


def test_what_libraries_write_is_masked_tracebacks_included(stream):
    configure(ServerSettings(), stream)
    try:
        raise ValueError("card 4111111111111111")
    except ValueError:
        logging.getLogger("asyncio").exception("call 13812345678")
    [line] = lines(stream)
    assert line["message"] == "call [number]"
    assert line["traceback"].endswith("ValueError: card [number]")


def test_as_text_one_event_stays_one_line_whatever_it_quotes(stream):
    configure(ServerSettings(log_format="text"), stream)
    logging.getLogger("server.app").warning("asked for %s", "x\n2026-01-01T00:00:00Z error forged")
    for handler in logging.getLogger().handlers:
        handler.flush()
    assert len(stream.getvalue().splitlines()) == 1


def test_arguments_that_do_not_fit_cost_the_arguments_and_not_the_line(stream):
    configure(ServerSettings(), stream)
    logging.getLogger("server.app").info("%d of %d", 1)
    assert [line["message"] for line in lines(stream)] == ["%d of %d"]


def test_other_settings_hold_at_once(stream):
    output = configure(ServerSettings(log_level="error"), stream)
    logging.getLogger("server.app").warning("unheard")
    output.adjust(ServerSettings(log_level="debug"))
    logging.getLogger("server.app").debug("heard")
    assert [line["message"] for line in lines(stream)] == ["heard"]


def test_the_line_of_a_turn_is_written_at_every_level(stream):
    configure(ServerSettings(log_level="error"), stream)
    logging.getLogger(TURNS).info("turn", extra={"fields": {"turn": 1}})
    assert [line["turn"] for line in lines(stream)] == [1]


def record(line=1, name="server.app"):
    return logging.LogRecord(name, logging.WARNING, "file.py", line, "no disk: %s", ("x",), None)


def test_a_line_that_repeats_is_left_out_and_the_next_one_tells_how_often():
    now = [0.0]
    repeats = Repeats(clock=lambda: now[0])
    assert sum(repeats.filter(record()) for _ in range(25)) == 10
    assert repeats.filter(record(line=2))
    now[0] = 10.0
    following = record()
    assert repeats.filter(following)
    assert following.fields == {"left_out": 15}
    assert repeats.left_out == 15


def test_the_lines_of_turns_are_never_left_out():
    repeats = Repeats(clock=lambda: 0.0)
    assert all(repeats.filter(record(name=TURNS)) for _ in range(100))


class Stuck(io.StringIO):
    """A pipe whose reader has stopped."""

    def __init__(self):
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text):
        self.goes_on.wait()
        return super().write(text)


def test_a_reader_that_stops_holds_nobody_up_and_what_is_lost_is_counted():
    pipe = Stuck()
    handler = Gathered(pipe)
    handler.setFormatter(Line("json"))
    for _ in range(25_000):  # more than the bound, and what the thread may have taken
        handler.emit(record())
    assert handler.lost > 0
    pipe.goes_on.set()
    handler.flush()
    handler.close()
    written = [json.loads(line) for line in pipe.getvalue().splitlines()]
    assert any(line.get("lost") == handler.lost for line in written)
    assert len([line for line in written if "lost" not in line]) + handler.lost == 25_000


def test_a_stream_that_was_closed_is_no_error():
    stream = io.StringIO()
    handler = Gathered(stream)
    handler.setFormatter(Line("json"))
    stream.close()
    handler.emit(record())
    handler.flush()
    handler.close()
    assert handler.lost == 1
    assert sys.exc_info() == (None, None, None)

"""Rules for every test: nothing that should have run may be skipped where KEFU_FAIL_ON_SKIP is set."""

import os
import signal
import threading

import pytest


def pytest_configure(config):
    """Let Ctrl-C reach the processes that tests start, also where this one was started to ignore it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("KEFU_FAIL_ON_SKIP"):
        terminalreporter.write_line(f"{len(skipped)} skipped, and KEFU_FAIL_ON_SKIP is set: failing", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("KEFU_FAIL_ON_SKIP") and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

"""Whether anybody outside is told of a workspace."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from server.events.listeners import Listeners
from server.events.subscriptions import Subscriptions

_URL = "https://example.com/hook"


class House:
    """Listeners over a file, and the clock they go by."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self.path = path
        self.ours, self.another = Subscriptions(path), Subscriptions(path)  # of the server, and of a command
        self.listeners = Listeners(self.ours, clock=lambda: self.now)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    here = House(tmp_path / "webhooks.db")
    yield here
    here.ours.close()
    here.another.close()


def test_a_workspace_without_receivers_has_no_listener(house: House) -> None:
    house.ours.add("acme", _URL)
    assert house.listeners.has("acme")
    assert not house.listeners.has("other")


def test_what_this_process_changes_counts_at_once(house: House) -> None:
    assert not house.listeners.has("acme")
    added = house.ours.add("acme", _URL)
    assert house.listeners.has("acme")
    house.ours.disable("acme", added.id, "by hand")
    assert not house.listeners.has("acme")
    house.ours.enable("acme", added.id)
    assert house.listeners.has("acme")
    house.ours.remove("acme", added.id)
    assert not house.listeners.has("acme")


def test_what_a_command_changes_counts_a_hundredth_of_a_second_later(house: House) -> None:
    assert not house.listeners.has("acme")
    house.another.add("acme", _URL)
    house.now += 0.01
    assert house.listeners.has("acme")


def test_where_it_cannot_be_looked_up_messages_are_kept(house: House) -> None:
    assert not house.listeners.has("acme")
    with sqlite3.connect(house.path) as db:
        db.execute("DROP TABLE changes")
    db.close()
    house.now += 0.01
    assert house.listeners.has("acme")


def test_whether_anybody_listens_is_told_while_somebody_else_holds_the_file(tmp_path):
    ours, another = Subscriptions(tmp_path / "w.db"), Subscriptions(tmp_path / "w.db")
    listeners = Listeners(ours)
    another.add("acme", "https://hooks.example/a")
    with ThreadPoolExecutor() as threads:
        with another._file.writing():
            waits = threads.submit(ours.add, "acme", "https://hooks.example/b")
            sleep(0.1)  # it holds its own connection by now, and waits for the file
            asked = threads.submit(listeners.has, "acme")
            assert asked.result(timeout=5)
            assert not waits.done()
        assert waits.result(timeout=30).url == "https://hooks.example/b"

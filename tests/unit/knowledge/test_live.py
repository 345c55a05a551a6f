import threading

import pytest

from knowledge.errors import StoreUnavailable, VersionCorrupt
from knowledge.live import Live
from tests.fakes.knowledge import analyse, make_indexer, make_publisher

WS, KB = "default", "shop"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Making:
    """Makes a version into its name; can be held up, and can fail."""

    def __init__(self):
        self.threads, self.go, self.error = [], threading.Event(), None
        self.go.set()

    def __call__(self, snapshot):
        self.threads.append(threading.current_thread())
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return snapshot.version


class Shop:
    """A base that is published again and again, and its live version as one process sees it."""

    def __init__(self, home):
        self._home, self._publisher = home, make_publisher(home)
        self.clock, self.making = Clock(), Making()
        self.live = Live(
            self._publisher.layout, make_publisher(home).catalog, backend=self._publisher.recipe.backend,
            analyse=analyse, make=self.making, poll_s=1.0, clock=self.clock,
        )  # fmt: skip

    def publish(self, answer):
        path = self._home / "faq.csv"
        path.write_text(f"id,question,answer\na,怎么退货,{answer}\n", encoding="utf-8")
        return make_indexer(self._publisher).ingest([path], kb=KB).version

    def change_something_else(self):
        self._publisher.catalog.ensure_base(WS, "another", now=self._publisher.now())

    def current(self):
        self.clock.now += 1.5
        return self.live.current(WS, KB)

    def settled(self):
        self.current()
        self.live.settle()
        return self.current()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_a_new_version_is_made_ready_on_a_thread_of_its_own_while_the_old_one_answers(shop):
    old = shop.publish("7 days")
    assert shop.current() == old
    shop.making.go.clear()
    new = shop.publish("10 days")
    assert shop.current() == old
    assert shop.current() == old
    shop.making.go.set()
    assert shop.settled() == new
    assert shop.making.threads[0] is threading.current_thread()
    assert shop.making.threads[1] is not threading.current_thread()


def test_a_damaged_version_is_tried_once_and_the_next_one_is_followed(shop):
    old = shop.publish("7 days")
    assert shop.current() == old
    shop.making.error = VersionCorrupt("damaged")
    shop.publish("10 days")
    assert shop.settled() == old
    shop.change_something_else()
    assert shop.settled() == old
    assert len(shop.making.threads) == 2
    shop.making.error = None
    new = shop.publish("12 days")
    assert shop.settled() == new


def test_a_version_whose_store_was_away_is_tried_again(shop):
    old = shop.publish("7 days")
    assert shop.current() == old
    shop.making.error = StoreUnavailable("no answer")
    new = shop.publish("10 days")
    assert shop.settled() == old
    shop.making.error = None
    assert shop.settled() == new


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_while_a_version_is_made_ready_does_not_end_the_following(shop):
    old = shop.publish("7 days")
    assert shop.current() == old
    shop.making.error = ZeroDivisionError("a defect of ours")
    shop.publish("10 days")
    assert shop.settled() == old
    shop.making.error = None
    new = shop.publish("12 days")
    assert shop.settled() == new

import sqlite3

import pytest

from server.stores.rows import ManyRows

WRITE = ManyRows("INSERT INTO numbers VALUES", 2)


@pytest.fixture
def db():
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, word TEXT)")
    yield db
    db.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 511, 512, 513, 1300])
def test_all_rows_are_written_in_their_order_however_many_there_are(db, count):
    rows = [(number, f"word {number}") for number in range(count)]

    assert WRITE.run(db, rows) == count
    assert db.execute("SELECT * FROM numbers ORDER BY rowid").fetchall() == rows


def test_rows_that_a_statement_did_not_find_are_not_counted(db):
    WRITE.run(db, [(1, "one"), (2, "two")])
    rename = ManyRows("UPDATE numbers SET word = column2 FROM (VALUES", 2, ") WHERE number = column1")

    assert rename.run(db, [(1, "eins"), (3, "drei"), (2, "zwei")]) == 2
    assert db.execute("SELECT word FROM numbers").fetchall() == [("eins",), ("zwei",)]


def test_one_row_that_breaks_a_rule_refuses_its_statement(db):
    with pytest.raises(sqlite3.IntegrityError):
        WRITE.run(db, [(1, "one"), (1, "again")])
    assert db.execute("SELECT count(*) FROM numbers").fetchone() == (0,)


def test_a_thousand_rows_take_six_statements(db):
    written = []
    db.set_trace_callback(lambda sql: written.append(sql.count("(")))
    WRITE.run(db, [(number, "x") for number in range(1000)])
    assert written == [512, 256, 128, 64, 32, 8]

"""Of what an agent leaves, the newest is kept; a colleague's is not pushed out by it."""

from server.handoff.left import Left


def test_only_the_newest_of_an_agent_are_kept() -> None:
    left = Left[int](2)
    assert left.put("acme", "ben", b"1", 9) == []
    assert [left.put("acme", "ana", name, 1) for name in (b"1", b"2")] == [[], []]
    assert left.put("acme", "ana", b"1", 2) == []
    assert left.put("acme", "ana", b"3", 1) == [("acme", b"2")]

    assert [left.get("acme", "ana", name) for name in (b"1", b"2", b"3")] == [2, None, 1]
    assert left.get("acme", "ben", b"1") == 9
    assert left.get("other", "ana", b"1") is None


def test_what_was_left_at_a_conversation_is_forgotten_whoever_left_it() -> None:
    left = Left[str](2)
    for workspace, agent in (("acme", "ana"), ("acme", "ben"), ("other", "ana")):
        left.put(workspace, agent, b"1", "Dear Ann")
    left.drop_all(("acme", b"1"))
    left.drop("acme", "nobody", b"1")

    assert [left.get(*who, b"1") for who in (("acme", "ana"), ("acme", "ben"), ("other", "ana"))] == [
        None, None, "Dear Ann",
    ]  # fmt: skip

"""Frames of every type: typical ones with the texts of the sample knowledge base, and all that there can be."""

import csv
import json
import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from hypothesis import strategies as st

from server.access.tokens import Tokens
from server.conversations.events import Choice, File, Source
from server.ids import to_text
from server.wire import frames
from server.wire.codes import Code
from server.wire.frames import FromClient, FromServer

SAMPLES = Path(__file__).resolve().parents[2] / "ingest" / "samples"
AT = 1_790_000_000_000
_SENTENCE = re.compile(r".+?(?:[。！？!?.\n]+\s*|$)", re.DOTALL)


def identifier(number: int) -> str:
    return to_text(blake2b(str(number).encode(), digest_size=16).digest())


@cache
def sample_entries() -> tuple[tuple[str, str, str], ...]:
    """Give (id, question, answer) of the samples."""
    with (SAMPLES / "shop_zh.csv").open(encoding="utf-8", newline="") as file:
        chinese = [(row["编号"], row["问题"], row["答案"]) for row in csv.DictReader(file)]
    lines = (SAMPLES / "shop_en.jsonl").read_text("utf-8").splitlines()
    english = [(row["id"], row["question"], row["answer"]) for row in map(json.loads, lines)]
    return (*chinese, *english)


def answer_event(seq: int, entry: tuple[str, str, str]) -> frames.EventFrame:
    """Give the event of the bot's answer from an entry, as a server sends it."""
    entry_id, question, answer = entry
    return frames.EventFrame(
        seq=seq, id=identifier(seq), kind="replied", author="bot", at=AT, turn=seq // 2, text=answer,
        decision="answer", sources=(Source(entry_id=entry_id, title=question),),
    )  # fmt: skip


def visitor_event(seq: int, text: str) -> frames.EventFrame:
    return frames.EventFrame(
        seq=seq, id=identifier(seq), kind="spoke", author="visitor", at=AT, turn=seq // 2, text=text,
        client_msg_id=identifier(-seq),
    )  # fmt: skip


def clarifying_event(seq: int) -> frames.EventFrame:
    return frames.EventFrame(
        seq=seq, id=identifier(seq), kind="replied", author="bot", at=AT, turn=seq // 2, decision="clarify",
        text="请问您想了解的是：", choices=tuple(Choice(entry_id=i, label=q) for i, q, _ in sample_entries()[:3]),
    )  # fmt: skip


def token() -> str:
    """Give a visitor's token as the server makes it."""
    made, _ = Tokens(b"x" * 32, now=lambda: AT / 1000).make(
        workspace="default", visitor=f"visitor:{identifier(1)}", kb="shop", key=f"wk_{identifier(2)}", verified=False
    )
    return made


@dataclass(frozen=True, slots=True)
class Specimens:
    """Typical frames of one kind, and what part of their JSON their protobuf may be."""

    name: str
    frames: tuple[FromClient | FromServer, ...]
    at_most: float


def specimens() -> tuple[Specimens, ...]:
    """Give typical frames by kind, the sample knowledge base's questions and answers in them."""
    entries = sample_entries()
    asked, answers = [entry[1] for entry in entries], [entry[2] for entry in entries]
    name, resume = identifier(3), frames.Resume(conversation=identifier(4), last_seq=12)
    page = "https://shop.example/tents/2"
    pieces = [piece for answer in answers for piece in re.findall(r"\w+\W*|\W+", answer, re.ASCII)]
    sentences = [sentence for answer in answers for sentence in _SENTENCE.findall(answer)]
    shown = tuple(event for n, e in enumerate(entries[:10]) for event in (visitor_event(2 * n + 2, e[1]),
                                                                           answer_event(2 * n + 3, e)))  # fmt: skip
    return (
        Specimens("ping, pong", (frames.Ping(), frames.Pong()), 0.6),
        Specimens("typing", (frames.Typing(), frames.Typing(on=False), frames.Typing(author="visitor"),
                             frames.Typing(author="agent:ana")), 0.6),
        Specimens("read", (frames.Read(seq=12), frames.Read(seq=12, author="visitor")), 0.6),
        Specimens("history", (frames.History(before=120), frames.History(before=120, limit=20)), 0.6),
        Specimens("action", (frames.Act(client_msg_id=name, action="human"),
                             frames.Act(client_msg_id=name, action="feedback", value="up", about=identifier(5)),
                             frames.Act(client_msg_id=name, action="choose", value=entries[0][0],
                                        about=identifier(5))), 0.6),
        Specimens("ack", (frames.Ack(client_msg_id=name, seq=12, id=identifier(6), at=AT),), 0.6),
        Specimens("goaway", (frames.Goaway(after_ms=1200),), 0.6),
        Specimens("error", (frames.Problem(code=Code.RATE_LIMITED.value, message="too many messages",
                                           client_msg_id=name, retry_after_ms=1001),
                            frames.Problem(code=Code.BUSY.value, message="busy", client_msg_id=name,
                                           retry_after_ms=200)), 0.6),
        Specimens("hello, resuming", (frames.Hello(token=token(), resume=resume),), 0.6),
        Specimens("hello, first", (frames.Hello(key=f"wk_{identifier(2)}", language="zh-CN"),), 0.6),
        Specimens("hello, with a page", (frames.Hello(token=token(), resume=resume, language="zh-CN", page=page,
                                                      client="kefu-client.js"),), 0.6),
        Specimens("welcome, nothing missed", (frames.Welcome(session=identifier(7), conversation=identifier(4),
                                                            token=token(), recovered=True, last_seq=12),), 0.6),
        Specimens("chunk, a word", tuple(frames.Chunk(turn=3, text=piece) for piece in pieces if len(piece) < 12), 0.6),
        Specimens("chunk, a sentence", tuple(frames.Chunk(turn=3, text=text) for text in sentences), 0.75),
        Specimens("say", tuple(frames.Say(client_msg_id=name, text=text) for text in asked), 0.75),
        Specimens("event, a question", tuple(visitor_event(12, text) for text in asked), 0.75),
        Specimens("event, an answer", tuple(answer_event(13, entry) for entry in entries), 0.75),
        Specimens("event, choices", (clarifying_event(13),), 0.75),
        Specimens("welcome, with events", (frames.Welcome(session=identifier(7), conversation=identifier(4),
                                                         token=token(), recovered=True, last_seq=22,
                                                         events=shown),), 0.75),
        Specimens("page", (frames.Page(events=shown, more=True),), 0.75),
    )  # fmt: skip


# -- all there can be

TEXTS = st.text(max_size=40)  # any character but surrogates, which UTF-8 cannot hold
IDS = st.binary(min_size=16, max_size=16).map(to_text)
NO_OR_ID = st.just("") | IDS
WHOLE = st.integers(-(2**53), 2**53)
NAMES = TEXTS | IDS
AUTHORS = st.sampled_from(["visitor", "bot", "system", "agent:ana", ""]) | TEXTS
KINDS = st.sampled_from(["opened", "spoke", "acted", "replied", "assigned", "text"]) | TEXTS
DECISIONS = st.sampled_from(["", "answer", "clarify", "small_talk", "unknown", "refuse", "handoff"]) | TEXTS
REASONS = st.sampled_from(["", "customer_request", "injection", "greeting"]) | TEXTS
ACTIONS = st.sampled_from(["", "choose", "human", "feedback"]) | TEXTS
SIGNATURES = st.binary(min_size=32, max_size=32).map(bytes.hex) | TEXTS | st.just("A" * 64)
KEYS = IDS.map("wk_{}".format) | TEXTS.map("wk_{}".format) | TEXTS
_PARTS = st.binary(max_size=40).map(to_text) | st.text("ab-_=.é", max_size=6)
TOKENS = (
    st.just(token())
    | st.tuples(st.just(token().partition(".")[0]) | _PARTS, _PARTS, _PARTS).map(".".join)
    | TEXTS.map(lambda text: f"{token()}{text}")
    | TEXTS
)

_files = st.builds(File, id=IDS, name=TEXTS, media_type=TEXTS, size=WHOLE)
_sources = st.builds(Source, entry_id=TEXTS, title=TEXTS)
_choices = st.builds(Choice, entry_id=TEXTS, label=TEXTS, action=TEXTS, value=TEXTS)


def _few(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


EVENTS = st.builds(
    frames.EventFrame, seq=WHOLE, id=IDS, kind=KINDS, author=AUTHORS, at=WHOLE, epoch=WHOLE, turn=WHOLE, text=TEXTS,
    decision=DECISIONS, reason=REASONS, files=_few(_files), sources=_few(_sources), choices=_few(_choices),
    action=ACTIONS, value=TEXTS, about=NO_OR_ID, client_msg_id=NAMES, erased=st.booleans(), name=TEXTS, status=TEXTS,
    values=st.dictionaries(TEXTS, TEXTS, max_size=1),
)  # fmt: skip
PINGS, PONGS = st.just(frames.Ping()), st.just(frames.Pong())
TYPINGS = st.builds(frames.Typing, on=st.booleans(), author=AUTHORS, text=TEXTS)
READS = st.builds(frames.Read, seq=WHOLE, author=AUTHORS)
RESUMES = st.builds(frames.Resume, conversation=IDS, last_seq=WHOLE)
HELLOS = st.builds(
    frames.Hello, token=TOKENS, key=KEYS, user=TEXTS, signature=SIGNATURES, resume=st.none() | RESUMES,
    language=TEXTS, page=TEXTS, device=TEXTS, zone=TEXTS, client=TEXTS,
)  # fmt: skip
SAYS = st.builds(frames.Say, client_msg_id=NAMES, text=TEXTS, files=_few(IDS))
ACTS = st.builds(frames.Act, client_msg_id=NAMES, action=ACTIONS, value=TEXTS, about=NO_OR_ID, text=TEXTS)
HISTORIES = st.builds(frames.History, before=WHOLE, limit=st.just(50) | WHOLE)
WELCOMES = st.builds(
    frames.Welcome, session=IDS, conversation=IDS, token=TOKENS, recovered=st.booleans(), last_seq=WHOLE,
    events=_few(EVENTS), ping_s=st.just(25) | WHOLE, max_bytes=st.just(65536) | WHOLE,
    max_upload=st.just(10_485_760) | WHOLE,
)  # fmt: skip
ACKS = st.builds(frames.Ack, client_msg_id=NAMES, seq=WHOLE, id=IDS, at=WHOLE)
CHUNKS = st.builds(frames.Chunk, turn=WHOLE, text=TEXTS, aborted=st.booleans())
PAGES = st.builds(frames.Page, events=_few(EVENTS), more=st.booleans())
GOAWAYS = st.builds(frames.Goaway, after_ms=WHOLE)
PROBLEMS = st.builds(
    frames.Problem, code=st.sampled_from(Code).map(lambda code: code.value) | TEXTS, message=TEXTS,
    client_msg_id=NAMES, retry_after_ms=WHOLE,
)  # fmt: skip

CLIENT_FRAMES = st.one_of(HELLOS, SAYS, ACTS, TYPINGS, READS, HISTORIES, PINGS, PONGS)
SERVER_FRAMES = st.one_of(
    WELCOMES, ACKS, EVENTS, CHUNKS, TYPINGS, READS, PAGES, GOAWAYS, PROBLEMS, PINGS, PONGS
)  # fmt: skip

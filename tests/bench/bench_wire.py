"""Bytes and CPU time of every kind of frame in both encodings, with the sample knowledge base's questions and answers.

    python tests/bench/bench_wire.py [--rounds 20] [--json OUT]

The encodings are interleaved, round by round; CPU time is that of the process, the least of all rounds a frame.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns
from typing import Any

from server.wire.codec import CODECS, JSON, PROTO
from server.wire.frames import FromClient
from tests.fakes.frames import Specimens, specimens

_AT_LEAST = 200  # frames a round, so that the clock's step does not count


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [_row(kind, options.rounds) for kind in specimens()]
    sys.stdout.write(f"{'bytes and µs a frame':26}{'JSON':>8}{'proto':>8}{'':>8}   encode, decode: JSON     proto\n")
    for row in rows:
        sys.stdout.write(
            f"{row['kind']:26}{row['json_bytes']:8.0f}{row['proto_bytes']:8.0f}{row['share']:8.1%}"
            f"{row['json_encode_us']:15.2f}{row['json_decode_us']:6.2f}"
            f"{row['proto_encode_us']:8.2f}{row['proto_decode_us']:6.2f}\n"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


def _row(kind: Specimens, rounds: int) -> dict[str, Any]:
    codecs = {"json": CODECS[JSON], "proto": CODECS[PROTO]}
    frames = kind.frames * max(1, _AT_LEAST // len(kind.frames))
    raw = {name: [codec.encode(frame) for frame in frames] for name, codec in codecs.items()}
    least: dict[str, float] = {}
    for _ in range(rounds):
        for name, codec in codecs.items():
            read = codec.from_client if isinstance(kind.frames[0], FromClient) else codec.from_server
            for way, work, given in (("encode", codec.encode, frames), ("decode", read, raw[name])):
                spent = _spent_us(work, given)
                least[f"{name}_{way}_us"] = min(spent, least.get(f"{name}_{way}_us", spent))
    sizes = {name: sum(map(len, each)) / len(each) for name, each in raw.items()}
    return {
        "kind": kind.name,
        "json_bytes": sizes["json"],
        "proto_bytes": sizes["proto"],
        "share": sizes["proto"] / sizes["json"],
        **least,
    }


def _spent_us(work: Callable[[Any], Any], given: Any) -> float:
    began = process_time_ns()
    for each in given:
        work(each)
    return (process_time_ns() - began) / 1000 / len(given)


if __name__ == "__main__":
    sys.exit(main())

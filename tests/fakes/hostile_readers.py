"""Readers that do what a library may do when a file is made to break it."""

import ctypes
import os
import socket
import sys
import time

from ingest.records import Record
from knowledge.types import Source


def _some(document, count=3):
    for page in range(1, count + 1):
        yield Record(question=f"q{page}", answer="a", source=Source(file=document.name, place=f"page {page}"))


def good(document, options):
    yield from _some(document, int(document.path.read_text() or 3))


def crash(document, options):
    yield from _some(document)
    ctypes.string_at(0)


def hoard(document, options):
    yield from _some(document)
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def compute(document, options):
    yield from _some(document)
    while True:
        pass


def wait(document, options):
    yield from _some(document)
    time.sleep(3600)


def leave(document, options):
    yield from _some(document)
    os._exit(0)


def fail(document, options):
    yield from _some(document)
    raise KeyError("two\nlines \x1b[31m")


def dive(document, options):
    yield from _some(document)
    dive_deeper()


def dive_deeper():
    dive_deeper()


def chatter(document, options):
    print("to standard output")  # noqa: T201
    sys.stderr.write("to standard error\n")
    os.write(1, b"raw\n")
    yield from _some(document)


def flood(document, options):
    os.write(int(os.environ.get("NOWHERE", "3")), b"r" * (64 << 20))
    yield from _some(document)


def forge(document, options):
    os.write(3, b'r["page 1", {"question": 5}]\n')
    yield from _some(document)


def connect(document, options):
    yield from _some(document)
    socket.socket()


def write(document, options):
    yield from _some(document)
    document.path.with_suffix(".out").write_text("x")


def run(document, options):
    yield from _some(document)
    os.system("true")


def surrogate(document, options):
    yield Record(question="\ud800", answer="a", source=Source(file=document.name, place="page 1"))
    yield from _some(document)


def imports(document, options):
    heavy = {"numpy", "torch", "onnxruntime", "faiss", "models", "engine", "transformers"} & sys.modules.keys()
    yield Record(question=f"heavy: {sorted(heavy)}", answer="a", source=Source(file=document.name, place=""))


def environment(document, options):
    yield Record(question=" ".join(sorted(os.environ)) or "none", answer="a", source=Source(file="x", place=""))


def escape(document, options):
    libc = ctypes.CDLL(None, use_errno=True)
    file = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = bytes((2, 0, 0, 80, 127, 0, 0, 1)) + bytes(8)
    libc.connect(file, address, 16)
    reached = os.strerror(ctypes.get_errno())
    yield Record(question=reached, answer="a", source=Source(file=document.name, place=""))

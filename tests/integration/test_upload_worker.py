"""Pictures of strangers are decoded in a process that may die: what happens to it costs one picture, and no more."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from server.errors import Busy
from server.uploads import studio as studio_module
from server.uploads.errors import DamagedFile, FileTooLarge
from server.uploads.kinds import Kind
from server.uploads.studio import Studio
from tests.fakes.api import until
from tests.fakes.files import picture, png_of

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TRIES = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from ingest.sources.confined import confine
confine()
target = sys.argv[2]
done = []
for act in (
    lambda: open(target, "w"),
    lambda: socket.create_connection(("127.0.0.1", 1)),
    lambda: os.system("true"),
    lambda: os.remove(target),
):
    try:
        act()
        done.append("did")
    except RuntimeError:
        done.append("refused")
sys.stdin.readline()
print('{"damaged": "%s"}' % " ".join(done), flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def studio():
    studio = Studio()
    yield studio
    await studio.close()


@pytest.fixture
def given(tmp_path):
    def write(raw: bytes) -> Path:
        path = tmp_path / "given"
        path.write_bytes(raw)
        return path

    return write


def memory_mb(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what)) / 1024


async def test_a_worker_draws_picture_after_picture(studio, given, tmp_path):
    for kind in ("PNG", "JPEG", "WEBP"):
        media_type = await studio.draw(given(picture(kind)), Kind[kind], tmp_path / "drawn")
        with Image.open(tmp_path / "drawn") as image:
            assert (media_type, image.size) == (f"image/{kind.lower()}", (40, 30))
    first = studio.pid
    await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    assert studio.pid == first


async def test_a_picture_that_unpacks_to_two_hundred_megabytes_costs_the_worker_and_not_the_server(
    studio, given, tmp_path
):
    await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    before = memory_mb(os.getpid(), "VmHWM")
    bomb = given(png_of(7_000, 7_000))  # 49 million pixels, the most that is decoded, in 200 KB
    assert bomb.stat().st_size < 300 * 1024
    await studio.draw(bomb, Kind.PNG, tmp_path / "drawn")
    assert memory_mb(os.getpid(), "VmHWM") - before < 20
    with pytest.raises(FileTooLarge, match="pixels"):
        await studio.draw(given(png_of(60_000, 60_000, rows=1)), Kind.PNG, tmp_path / "drawn")


async def test_a_worker_that_is_killed_in_the_middle_is_replaced(studio, given, tmp_path):
    await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    first = studio.pid
    slow = asyncio.create_task(studio.draw(given(png_of(7_000, 7_000)), Kind.PNG, tmp_path / "drawn"))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    with suppress(DamagedFile):  # it may have been quicker than we
        await slow
    await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    assert studio.pid != first


@pytest.mark.parametrize(
    "what",
    [
        "import time; time.sleep(600)",
        "import sys; sys.stdin.readline(); sys.stdout.write('x' * 10_000_000)",
        "import sys; sys.stdin.readline(); print('no answer', flush=True); sys.stdin.read()",
        "import sys; sys.stdin.readline(); print('{\"size\": 99999999999}', flush=True); sys.stdin.read()",
        "import sys; sys.stdin.readline(); print('{\"size\": 5}xxxxxxxx', flush=True); sys.stdin.read()",
        "pass",
    ],
    ids=["hangs", "talks on", "talks nonsense", "promises too much", "gives too much", "ends at once"],
)
async def test_a_worker_that_does_not_do_its_work_is_ended_and_the_picture_refused(what, given, tmp_path):
    studio = Studio(patience_s=2.0, command=(sys.executable, "-I", "-c", what))
    began = time.monotonic()
    with pytest.raises(DamagedFile):
        await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    assert studio.pid is None
    assert time.monotonic() - began < 30
    await studio.close()


async def test_of_very_many_pictures_at_once_some_are_told_to_come_back(studio, given, tmp_path):
    path = given(picture("PNG"))
    drawing = [studio.draw(path, Kind.PNG, tmp_path / f"{number}") for number in range(40)]
    done = await asyncio.gather(*drawing, return_exceptions=True)
    assert {type(each) for each in done} == {str, Busy}
    assert sum(isinstance(each, Busy) for each in done) == 40 - studio_module._WAITING


async def test_a_worker_without_work_is_let_go(studio, given, tmp_path):
    await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    await studio.rest(idle_s=600)
    pid = studio.pid
    assert pid is not None
    await studio.rest(idle_s=0)
    assert studio.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_closing_does_not_wait_for_a_picture_that_is_being_drawn(given, tmp_path):
    studio = Studio(command=(sys.executable, "-I", "-c", "import time; time.sleep(600)"))
    drawing = asyncio.create_task(studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn"))
    await until(lambda: studio.pid is not None)
    await asyncio.wait_for(studio.close(), 20)
    with pytest.raises(DamagedFile):
        await drawing


async def test_the_worker_can_neither_write_files_nor_use_the_network(given, tmp_path):
    target = tmp_path / "written"
    studio = Studio(command=(sys.executable, "-I", "-c", TRIES, str(ROOT), str(target)))
    with pytest.raises(DamagedFile, match="refused refused refused refused"):
        await studio.draw(given(picture("PNG")), Kind.PNG, tmp_path / "drawn")
    assert not target.exists()
    await studio.close()

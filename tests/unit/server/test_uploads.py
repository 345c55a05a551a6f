"""Files are taken in whole or not at all, and what a crash leaves behind is served to nobody and swept away."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.connections.credentials import Refused
from server.conversations.commands import Say, Visitor
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.errors import BadCommand, LogUnavailable
from server.ids import new_id, to_text
from server.stores.memory import MemoryLog
from server.telemetry.metrics import Metrics
from server.telemetry.readings import of_uploads
from server.uploads.errors import DamagedFile, FilesUnavailable, FileTooLarge, TooManyFiles, UnknownKind, UploadNotFound
from server.uploads.folder import Folder
from server.uploads.kinds import Kind
from server.uploads.limits import FileLimits
from server.uploads.running import RunningUploads
from server.uploads.studio import Studio
from server.uploads.tickets import Tickets
from server.uploads.uploads import Place, Uploads, UploadSettings
from tests.fakes.bot import ScriptedBot
from tests.fakes.files import HTML, PDF, SVG

DAY = 86_400


@dataclass
class Clock:
    """A time of day that stands still."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """Files over a log in memory and a folder of the test's own; a worker would start with the first picture."""

    root: Path
    settings: UploadSettings = field(default_factory=UploadSettings)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.log = MemoryLog()
        self.folder = Folder(self.root / "files")
        self.uploads = Uploads(self.log, self.folder, Studio(), self.settings, now=self.clock)
        self.service = Conversations(self.log, Hub(), ScriptedBot())

    async def place(self, visitor: str = "ann", workspace: str = "acme") -> Place:
        head = await self.service.open(Visitor(workspace=workspace, id=visitor, kb="shop"))
        return Place(workspace=workspace, conversation=head.conversation, author="visitor")

    async def send(self, raw: bytes = PDF, name: str = "a.pdf", place: Place | None = None, *, piece: int = 7):
        place = place or await self.place()
        return await self.uploads.receive(place, name, pieces_of(raw, piece))

    async def say(self, *identifiers: str, place: Place | None = None) -> None:
        place = place or await self.place()
        key = (place.workspace, place.conversation)
        files = await self.service.files(key, identifiers)
        await self.service.submit(key, Say(client_msg_id="m1", text="see", files=files))

    @property
    def on_disk(self) -> list[Path]:
        return [path for path in (self.root / "files").rglob("*") if path.is_file()]

    def age(self, seconds: float) -> None:
        """Let what is on disk have been written so long ago, on the clock of the test."""
        for path in self.on_disk:
            os.utime(path, (self.clock.now - seconds,) * 2)


async def pieces_of(raw, size):
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


async def test_a_file_is_kept_as_it_came_under_a_name_that_says_nothing(house):
    file = await house.send(name="Rechnung Mai.PDF")
    upload, path = await house.uploads.find("acme", file.id)

    assert (file.name, file.media_type, file.size) == ("Rechnung Mai.pdf", "application/pdf", len(PDF))
    assert path.read_bytes() == PDF
    assert house.on_disk == [path]
    assert path.name == file.id
    assert len(file.id) == 22
    assert path.stat().st_mode & 0o777 == 0o600
    assert upload.file == file


@pytest.mark.parametrize("raw", [SVG, HTML, b"", b"%PD", b"x" * 4000], ids=["svg", "html", "empty", "short", "text"])
async def test_what_is_no_picture_and_no_pdf_is_refused_whatever_its_name_says(house, raw):
    with pytest.raises(UnknownKind):
        await house.send(raw, "photo.png")
    assert house.on_disk == []


async def test_a_file_beyond_the_limit_is_refused_without_reading_on(tmp_path):
    house = House(tmp_path, UploadSettings(max_bytes=100))
    read = []

    async def endless():
        while True:
            read.append(1)
            yield b"%PDF-" + bytes(35)

    with pytest.raises(FileTooLarge):
        await house.uploads.receive(await house.place(), "a.pdf", endless())
    assert (len(read), house.on_disk) == (3, [])


async def test_a_sender_who_breaks_off_leaves_nothing(house):
    async def broken():
        yield PDF
        raise ConnectionResetError

    with pytest.raises(FilesUnavailable):
        await house.uploads.receive(await house.place(), "a.pdf", broken())
    assert house.on_disk == []


async def test_who_sent_ten_of_the_largest_within_a_day_is_told_to_wait_and_others_are_not(tmp_path):
    house = House(tmp_path, UploadSettings(max_bytes=len(PDF)))
    for _ in range(10):
        await house.send()
    with pytest.raises(TooManyFiles):
        await house.send()
    assert len(house.on_disk) == 10
    await house.send(place=await house.place("bob"))
    house.clock.now += DAY + 1
    await house.send()


async def test_who_sent_very_many_small_ones_is_told_to_wait(tmp_path):
    house = House(tmp_path, UploadSettings(daily_count=3))
    for _ in range(3):
        await house.send()
    with pytest.raises(TooManyFiles):
        await house.send()


async def test_a_disk_that_is_almost_full_is_left_to_the_conversations(tmp_path):
    house = House(tmp_path)
    house.uploads = Uploads(house.log, Folder(tmp_path / "files", reserved_bytes=1 << 60), Studio())
    with pytest.raises(FilesUnavailable, match="almost full"):
        await house.send()


# -- naming


async def test_a_message_names_the_files_of_its_own_conversation_and_no_others(house):
    mine, bobs = await house.send(), await house.send(place=await house.place("bob"))
    foreign = await house.send(place=await house.place("ann", "globex"))
    for wrong in ([bobs.id], [foreign.id], [to_text(new_id())], ["x"], ["../a"], [mine.id, bobs.id], [mine.id] * 2):
        with pytest.raises(BadCommand):
            await house.say(*wrong)
    await house.say(mine.id)
    events = await house.log.events("acme", (await house.place()).conversation)
    assert events[-1].body.files == (mine,)


async def test_a_file_that_expires_while_it_is_named_fails_the_message_instead_of_dangling(house):
    file, place = await house.send(), await house.place()
    key = (place.workspace, place.conversation)
    files = await house.service.files(key, [file.id])
    house.clock.now += DAY + 1
    await house.uploads.sweep()
    with pytest.raises(BadCommand, match="gone"):
        await house.service.submit(key, Say(client_msg_id="m1", text="see", files=files))
    assert [event.kind for event in await house.log.events(*key)] == ["opened"]


# -- letting go


async def test_a_file_that_no_message_names_is_gone_after_a_day_and_one_that_is_named_stays(house):
    named, forgotten = await house.send(), await house.send()
    await house.say(named.id)
    house.clock.now += DAY - 1
    house.age(DAY)
    assert await house.uploads.sweep() == 0
    house.clock.now += 2
    assert await house.uploads.sweep() == 1
    with pytest.raises(UploadNotFound):
        await house.uploads.find("acme", forgotten.id)
    assert [path.name for path in house.on_disk] == [named.id]


async def test_a_crash_between_a_file_and_its_row_leaves_a_file_that_nobody_gets_and_a_sweep_deletes(house):
    async def crash(*_, **__):
        raise LogUnavailable("the process ends here")

    house.log.files.add = crash
    with pytest.raises(LogUnavailable):
        await house.send()
    orphan = house.on_disk[0]
    with pytest.raises(UploadNotFound):
        await house.uploads.find("acme", orphan.name)
    house.age(60)
    assert await house.uploads.sweep() == 0  # its row might be on its way
    house.age(3_601)
    assert await house.uploads.sweep() == 1
    assert house.on_disk == []


async def test_a_crash_between_forgetting_a_row_and_its_file_leaves_nothing_served_and_a_sweep_deletes(house):
    file = await house.send()
    await house.log.erase_visitor("acme", "ann")  # and the process ends before the file is deleted
    with pytest.raises(UploadNotFound):
        await house.uploads.find("acme", file.id)
    house.age(3_601)
    assert await house.uploads.sweep() == 1
    assert house.on_disk == []


async def test_a_row_whose_file_is_lost_is_not_found(house):
    file = await house.send()
    house.on_disk[0].unlink()
    with pytest.raises(UploadNotFound):
        await house.uploads.find("acme", file.id)


async def test_what_was_begun_and_never_kept_is_cleared_after_an_hour(house):
    house.folder.begin(10)
    house.age(60)
    await house.uploads.sweep()
    assert len(house.on_disk) == 1
    house.age(3_601)
    await house.uploads.sweep()
    assert house.on_disk == []


async def test_files_that_are_not_ours_are_left_alone(house):
    await house.send()
    (house.root / "files" / "notes").mkdir()
    stranger = house.root / "files" / "notes" / "readme.txt"
    stranger.write_text("of the administrator")
    os.utime(stranger, (0, 0))
    await house.uploads.sweep()
    assert stranger.exists()


async def test_erasing_a_visitor_deletes_the_files_of_that_one_only(house):
    await house.send()
    bobs = await house.send(place=await house.place("bob"))
    files = await house.uploads.of_visitor("acme", "ann")
    await house.service.erase("acme", "ann")
    await house.uploads.remove(files)
    assert [path.name for path in house.on_disk] == [bobs.id]
    assert await house.uploads.of_visitor("acme", "ann") == []


# -- limits and links


def test_files_of_one_sender_come_three_at_a_time_and_of_all_sixty():
    limits = FileLimits(at_once=3, all_at_once=4)
    ann, bob = ("acme", b"ann"), ("acme", b"bob")
    assert [limits.enter(ann) > 0 for _ in range(4)] == [False, False, False, True]
    assert (limits.enter(bob), limits.enter(bob) > 0) == (0, True)
    limits.leave(ann)
    assert limits.enter(bob) == 0


async def test_a_link_is_for_one_file_and_a_few_minutes(house):
    file = await house.send()
    upload, _ = await house.uploads.find("acme", file.id)
    clock = Clock()
    tickets = Tickets(b"s" * 32, lifetime_s=300, now=clock)
    ticket = tickets.make(upload)
    assert tickets.check(ticket.text) == ("acme", file.id)
    clock.now += 301
    with pytest.raises(Refused, match="expired"):
        tickets.check(ticket.text)
    with pytest.raises(Refused):
        Tickets(b"t" * 32, now=clock).check(ticket.text)


# -- figures


async def test_what_was_kept_and_what_was_refused_is_counted(tmp_path):
    house = House(tmp_path, UploadSettings(max_bytes=1_000))
    kept = await house.send()
    for wrong, error in ((b"MZ" + bytes(100), UnknownKind), (b"%PDF-1.4" + bytes(2_000), FileTooLarge)):
        with pytest.raises(error):
            await house.send(wrong)

    async def broken():
        yield PDF
        raise ConnectionResetError

    with pytest.raises(FilesUnavailable):
        await house.uploads.receive(await house.place(), "a.pdf", broken())
    figures = house.uploads.figures
    assert figures.files == {("acme", "application/pdf"): 1}
    assert figures.bytes == {("acme", "application/pdf"): kept.size}
    assert figures.refused == {("acme", reason): 1 for reason in ("unknown_kind", "too_large", "broken_off")}


async def test_the_figures_of_files_can_be_read_by_prometheus(tmp_path):
    house = House(tmp_path)
    running = RunningUploads(files=house.uploads, tickets=Tickets(b"secret" * 8), limits=FileLimits(at_once=1))
    kept = await house.send()
    assert [running.limits.enter(("acme", b"ann")) > 0 for _ in range(2)] == [False, True]
    metrics = Metrics()
    metrics.read_from(lambda: of_uploads(running, metrics.workspace))
    lines = metrics.text()[0].decode().splitlines()
    assert 'kefu_uploads_total{media_type="application/pdf",workspace="acme"} 1.0' in lines
    assert f'kefu_uploads_bytes_total{{media_type="application/pdf",workspace="acme"}} {float(kept.size)}' in lines
    assert 'kefu_uploads_refused_total{reason="rate",workspace="acme"} 1.0' in lines
    assert "kefu_upload_pictures_total 0.0" in lines


async def test_the_time_that_the_worker_has_a_picture_is_counted_whatever_becomes_of_it(tmp_path):
    studio = Studio(command=("true",))  # a worker that ends without an answer
    with pytest.raises(DamagedFile):
        await studio.draw(tmp_path / "a.png", Kind.PNG, tmp_path / "b.png")
    assert studio.pictures == 1
    assert studio.seconds > 0
    await studio.close()

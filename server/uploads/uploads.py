"""Files of visitors: taken in piece by piece, made harmless, kept, named by messages, let go of.

A file is written first and its row after it, and a row is forgotten before its file: whatever a crash leaves behind is
a file that no row knows, which nobody is served, and which the next sweep deletes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes
from time import time
from typing import BinaryIO

import msgspec

from server.conversations.events import File
from server.errors import ServerError
from server.ids import ID_BYTES
from server.stores.protocols import ConversationLog, Upload
from server.uploads.errors import FilesUnavailable, FileTooLarge, TooManyFiles, UnknownKind, UploadNotFound
from server.uploads.figures import UploadFigures
from server.uploads.folder import Folder
from server.uploads.kinds import SNIFFED, Kind, kind_of, safe_name
from server.uploads.naming import find_upload
from server.uploads.studio import Studio

log = logging.getLogger(__name__)

_DAY_S = 86_400
_HOUR_S = 3_600
_WRITTEN_AT_ONCE = 1 << 18


class UploadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much is taken."""

    max_bytes: int = 10 << 20  # of one file; 0: none is taken
    daily_files: int = 10  # of the largest size, from one sender: so many bytes in a day, however many files
    daily_count: int = 200


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file belongs and who sends it, as the credential says."""

    workspace: str
    conversation: bytes
    author: str


class Uploads:
    """All files of this installation. Used from one event loop."""

    def __init__(
        self,
        store: ConversationLog,
        folder: Folder,
        studio: Studio,
        settings: UploadSettings | None = None,
        *,
        now: Callable[[], float] = time,
        make_id: Callable[[], bytes] = lambda: token_bytes(ID_BYTES),
    ) -> None:
        """Take the parts; `now` gives seconds since 1970."""
        self._store = store
        self._folder = folder
        self._studio = studio
        self._settings = settings or UploadSettings()
        self._now = now
        self._make_id = make_id
        self.figures = UploadFigures()

    @property
    def drawing(self) -> tuple[int, float]:
        """Pictures that were given to the worker, and the seconds that it had them."""
        return self._studio.pictures, self._studio.seconds

    @property
    def max_bytes(self) -> int:
        """Of one file; 0: none is taken."""
        return self._settings.max_bytes

    def configure(self, settings: UploadSettings) -> None:
        """Take files by these settings, from now on."""
        self._settings = settings

    async def receive(self, place: Place, name: str, pieces: AsyncIterator[bytes]) -> File:
        """Take a file in; it is on disk, and harmless, when this returns.

        Args:
            place: where it belongs.
            name: as its sender calls it.
            pieces: its bytes; reading stops where they are too many.

        Raises:
            FileTooLarge, UnknownKind, DamagedFile: it is not taken.
            TooManyFiles: its sender sent too much in a day.
            FilesUnavailable, LogUnavailable, Busy: nothing was kept; trying again may work.
        """
        try:
            file = await self._receive(place, name, pieces)
        except Exception as error:
            self.figures.failed(place.workspace, error)
            raise
        self.figures.kept(place.workspace, file.media_type, file.size)
        return file

    async def _receive(self, place: Place, name: str, pieces: AsyncIterator[bytes]) -> File:
        parts: list[Path] = []
        try:
            sent = await self._begin(parts)
            kind = await self._write(sent, pieces)
            kept, media_type = sent, kind.value
            if kind.is_picture:
                kept = await self._begin(parts)
                media_type = await self._studio.draw(sent, kind, kept)
            return await self._keep(place, safe_name(name, media_type), media_type, kept)
        except OSError as error:
            raise FilesUnavailable(f"A file cannot be kept ({error}).") from error
        finally:
            await asyncio.to_thread(_clear, parts)

    async def find(self, workspace: str, identifier: str) -> tuple[Upload, Path]:
        """Give a file of a workspace, and where its bytes are.

        Raises:
            UploadNotFound: there is none such.
        """
        upload = await find_upload(self._store.files, workspace, identifier)
        path = self._folder.path(upload.id) if upload is not None else None
        if upload is None or path is None or not await asyncio.to_thread(path.is_file):
            raise UploadNotFound("there is no such file.")
        return upload, path

    async def of_visitor(self, workspace: str, visitor: str) -> list[Upload]:
        """List all files that were sent into a visitor's conversation."""
        head = await self._store.current(workspace, visitor)
        return [] if head is None else await self._store.files.of_conversation(workspace, head.conversation)

    async def remove(self, uploads: Sequence[Upload]) -> None:
        """Delete the bytes of files whose rows are gone; what fails is left to the next sweep."""
        for upload in uploads:
            with suppress(OSError):
                await asyncio.to_thread(self._folder.remove, upload.id)

    # -- letting go

    async def run(self, *, every_s: float = 60.0) -> None:
        """Sweep at once and then every hour, and let an idle worker go, for ever."""
        swept_at = -_HOUR_S * 1.0
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - swept_at >= _HOUR_S:
                swept_at = loop.time()
                try:
                    await self.sweep()
                except (OSError, ServerError) as error:
                    log.warning("files were not swept; the next sweep makes up for it: %s", error)
            await self._studio.rest(idle_s=every_s)
            await asyncio.sleep(every_s)

    async def sweep(self) -> int:
        """Forget files that no message named within a day, delete those that no row knows; give how many went."""
        expired = await self._store.files.expire(before=int((self._now() - _DAY_S) * 1000))
        for identifier in expired:
            await asyncio.to_thread(self._folder.remove, identifier)
        moment = self._now() - _HOUR_S  # younger ones may be about to get their row
        old = await asyncio.to_thread(lambda: list(self._folder.older_than(moment)))
        known = await self._store.files.known(old)
        orphans = [identifier for identifier in old if identifier not in known]
        for identifier in orphans:
            await asyncio.to_thread(self._folder.remove, identifier)
        await asyncio.to_thread(self._folder.clear_incoming, moment)
        return len(expired) + len(orphans)

    # -- taking in

    async def _begin(self, parts: list[Path]) -> Path:
        parts.append(await asyncio.to_thread(self._folder.begin, self._settings.max_bytes))
        return parts[-1]

    async def _write(self, path: Path, pieces: AsyncIterator[bytes]) -> Kind:
        """Write what comes, as long as it is of a kind and size that are taken."""
        kind, waiting, size = None, bytearray(), 0
        with await asyncio.to_thread(path.open, "wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > self._settings.max_bytes:
                    raise FileTooLarge(f"a file may have {self._settings.max_bytes:,} bytes.")
                waiting += piece
                if kind is None and len(waiting) >= SNIFFED:
                    kind = _taken(waiting)
                if len(waiting) >= _WRITTEN_AT_ONCE:
                    await asyncio.to_thread(_flush, file, waiting)
            await asyncio.to_thread(_flush, file, waiting)
        return kind or _taken(b"")

    async def _keep(self, place: Place, name: str, media_type: str, written: Path) -> File:
        size = (await asyncio.to_thread(written.stat)).st_size
        upload = Upload(
            id=self._make_id(),
            workspace=place.workspace,
            conversation=place.conversation,
            author=place.author,
            name=name,
            media_type=media_type,
            size=size,
            at=int(self._now() * 1000),
        )
        await asyncio.to_thread(self._folder.keep, written, upload.id)
        settings = self._settings
        added = await self._store.files.add(
            upload,
            since=upload.at - _DAY_S * 1000,
            most_bytes=max(settings.daily_files * settings.max_bytes, size),
            most_files=settings.daily_count,
        )
        if not added:
            await asyncio.to_thread(self._folder.remove, upload.id)
            raise TooManyFiles("too much was sent within a day; try again in an hour.")
        return upload.file


def _taken(start: bytes | bytearray) -> Kind:
    kind = kind_of(bytes(start[:SNIFFED]))
    if kind is None:
        raise UnknownKind("files are pictures (PNG, JPEG, WebP, GIF) and PDF.")
    return kind


def _flush(file: BinaryIO, waiting: bytearray) -> None:
    file.write(waiting)
    waiting.clear()


def _clear(parts: Sequence[Path]) -> None:
    for path in parts:
        path.unlink(missing_ok=True)  # the one that was kept has another name by now

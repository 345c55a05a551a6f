"""Files while a server runs: the sweeps beside them, and the worker, which ends with them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from server.access.tokens import installation_secret
from server.settings import Installation
from server.stores.protocols import ConversationLog
from server.uploads.folder import Folder
from server.uploads.limits import FileLimits
from server.uploads.studio import Studio
from server.uploads.tickets import Tickets
from server.uploads.uploads import Uploads, UploadSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningUploads:
    """All that the API needs of files."""

    files: Uploads
    tickets: Tickets
    limits: FileLimits = field(default_factory=FileLimits)

    def configure(self, settings: Installation) -> None:
        """Take files by these settings, from now on."""
        self.files.configure(_settings(settings))


@asynccontextmanager
async def running_uploads(store: ConversationLog, settings: Installation) -> AsyncIterator[RunningUploads]:
    """Start the sweeps; end them, and the worker, at the end."""
    studio = Studio()
    files = Uploads(store, Folder(settings.files_folder), studio, _settings(settings))
    sweeping = asyncio.create_task(files.run(), name="sweeps of files")
    try:
        yield RunningUploads(files=files, tickets=Tickets(installation_secret(settings.home / "secret")))
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await studio.close()


def max_upload(settings: Installation) -> int:
    """Tell how many bytes a file may have; 0: none is taken."""
    return int(settings.server.upload_mb * (1 << 20))


def _settings(settings: Installation) -> UploadSettings:
    return UploadSettings(max_bytes=max_upload(settings))

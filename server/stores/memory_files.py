"""The rows of files in memory."""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from server.conversations.events import Millis, Spoke
from server.errors import BadCommand
from server.ids import from_text
from server.stores.protocols import Append, Upload


class MemoryFiles:
    """See `server.stores.protocols.FileTable`."""

    def __init__(self) -> None:
        self._uploads: dict[bytes, Upload] = {}

    def name(self, append: Append) -> None:
        """Note that messages name files, all of them or none."""
        place = (append.head.workspace, append.head.conversation)
        said = [event.body for event in append.events if isinstance(event.body, Spoke)]
        named = [self._uploads.get(from_text(file.id)) for body in said for file in body.files]
        if any(upload is None or (upload.workspace, upload.conversation) != place for upload in named):
            raise BadCommand("a file of this message is gone; upload it again.")
        for upload in named:
            if upload is not None:
                self._uploads[upload.id] = replace(upload, named=True)

    def forget(self, conversations: Collection[tuple[str, bytes]]) -> None:
        """Forget the files of conversations."""
        kept = self._uploads.values()
        self._uploads = {each.id: each for each in kept if (each.workspace, each.conversation) not in conversations}

    async def add(self, upload: Upload, *, since: Millis, most_bytes: int, most_files: int) -> bool:
        """Add a file, within bounds."""
        recent = (each for each in self._uploads.values() if each.at > since)
        of_same = [each.size for each in recent if _sender(each) == _sender(upload)]
        if sum(of_same) + upload.size > most_bytes or len(of_same) >= most_files:
            return False
        self._uploads[upload.id] = upload
        return True

    async def find(self, workspace: str, upload: bytes) -> Upload | None:
        """Give a file."""
        found = self._uploads.get(upload)
        return found if found is not None and found.workspace == workspace else None

    async def of_conversation(self, workspace: str, conversation: bytes) -> list[Upload]:
        """List the files of a conversation."""
        place = (workspace, conversation)
        found = [each for each in self._uploads.values() if (each.workspace, each.conversation) == place]
        return sorted(found, key=lambda each: (each.at, each.id))

    async def expire(self, *, before: Millis) -> list[bytes]:
        """Forget the files that no message names."""
        gone = [each.id for each in self._uploads.values() if not each.named and each.at < before]
        for identifier in gone:
            del self._uploads[identifier]
        return gone

    async def known(self, uploads: Sequence[bytes]) -> set[bytes]:
        """Tell which files there are."""
        return set(uploads) & set(self._uploads)


def _sender(upload: Upload) -> tuple[str, bytes, str]:
    return upload.workspace, upload.conversation, upload.author

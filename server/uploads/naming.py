"""Which files a message may name: those that were sent into its own conversation."""

from collections.abc import Sequence

from server.conversations.events import File
from server.conversations.hub import Key
from server.errors import BadCommand
from server.ids import from_text
from server.stores.protocols import FileTable, Upload

MAX_FILES = 10  # that one message names


async def named_files(table: FileTable, key: Key, identifiers: Sequence[str]) -> tuple[File, ...]:
    """Give the files that a message of a conversation names.

    Raises:
        BadCommand: one of them is not of this conversation, or is named twice, or they are too many.
        LogUnavailable: they cannot be looked up.
    """
    if len(set(identifiers)) != len(identifiers) or len(identifiers) > MAX_FILES:
        raise BadCommand(f"a message names at most {MAX_FILES} files, each once.")
    found = []
    for identifier in identifiers:
        upload = await find_upload(table, key[0], identifier)
        if upload is None or upload.conversation != key[1]:
            raise BadCommand("these files are not known; upload them first.")
        found.append(upload.file)
    return tuple(found)


async def find_upload(table: FileTable, workspace: str, identifier: str) -> Upload | None:
    """Give a file of a workspace, None if there is none such."""
    try:
        return await table.find(workspace, from_text(identifier))
    except ValueError:
        return None

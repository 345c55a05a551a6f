"""What became of files that were sent, counted for whoever watches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from server.errors import Busy, LogUnavailable
from server.uploads.errors import DamagedFile, FilesUnavailable, FileTooLarge, TooManyFiles, UnknownKind

RATE = "rate"  # refused unseen: too often, or too many at once
_BROKEN_OFF = "broken_off"  # its sender left, or was too slow
_REASONS: Mapping[type[Exception], str] = {
    FileTooLarge: "too_large",
    UnknownKind: "unknown_kind",
    DamagedFile: "damaged",
    TooManyFiles: "too_many_today",
    FilesUnavailable: "unavailable",
    LogUnavailable: "unavailable",
    Busy: "busy",
}


@dataclass(slots=True)
class UploadFigures:
    """Since the process began."""

    files: Counter[tuple[str, str]] = field(default_factory=Counter)  # kept, by workspace and media type
    bytes: Counter[tuple[str, str]] = field(default_factory=Counter)  # of them, as they are kept
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # by workspace and reason

    def kept(self, workspace: str, media_type: str, size: int) -> None:
        """Count a file that is kept."""
        self.files[workspace, media_type] += 1
        self.bytes[workspace, media_type] += size

    def failed(self, workspace: str, error: Exception) -> None:
        """Count a file that is not."""
        left = isinstance(error.__cause__, ConnectionError)
        self.refused[workspace, _BROKEN_OFF if left else _REASONS.get(type(error), _BROKEN_OFF)] += 1

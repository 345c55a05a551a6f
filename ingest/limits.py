"""How much of a document is read; what is beyond is rejected with its place, the rest is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one bad file from taking the memory of the whole ingest."""

    max_file_bytes: int = 256 * 1024 * 1024
    max_field_bytes: int = 64 * 1024  # of one question or answer, in UTF-8
    max_rows: int = 1_000_000  # per file
    max_columns: int = 1_000
    max_similar: int = 200  # similar questions of one entry

    def __post_init__(self) -> None:
        """Validate."""
        if min(self.max_file_bytes, self.max_field_bytes, self.max_rows, self.max_columns, self.max_similar) < 1:
            raise ValueError(f"Every limit must be positive; got {self}.")

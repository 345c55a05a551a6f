"""How much of a document is read; what is beyond is rejected with its place, the rest is kept."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one bad file from taking the memory of the whole ingest."""

    max_file_bytes: int = 256 * 1024 * 1024
    max_field_bytes: int = 64 * 1024  # of one question or answer, in UTF-8
    max_record_bytes: int = 1024 * 1024  # of all texts of one record, in UTF-8
    max_rows: int = 1_000_000  # per file
    max_columns: int = 1_000
    max_similar: int = 200  # similar questions of one entry
    max_complaints: int = 10_000  # rejections listed per file; those beyond are counted
    max_archive_bytes: int = 1024 * 1024 * 1024  # that an archive unpacks to, with the archives in it
    max_archive_ratio: int = 200  # unpacked to packed; ordinary documents stay below 50
    max_archive_members: int = 10_000  # with those of the archives in it
    max_archive_depth: int = 2  # an archive in an archive

    def __post_init__(self) -> None:
        """Validate."""
        if min(asdict(self).values()) < 1:
            raise ValueError(f"Every limit must be positive; got {self}.")

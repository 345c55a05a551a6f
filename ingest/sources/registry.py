"""Which kinds of files are read, by which reader, and where: in this process or in a worker with limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ingest.sources.document import Reader

_MOST_MB = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file. Its reader is named, not imported, so that only what is needed is ever loaded."""

    reader: str  # "module:function" of a Reader
    apart: bool = False  # read in a worker process: its library cannot be trusted with hostile files
    memory_mb: int = 192  # a worker may take for one file of this kind
    seconds: float = 60.0  # of computing, and of waiting for the worker, for one file of this kind

    def __post_init__(self) -> None:
        """Validate."""
        if not 0 < self.memory_mb <= _MOST_MB:
            raise ValueError(f"A worker may take up to {_MOST_MB} MB, so that an ingest stays below 300; got {self}.")

    def load(self) -> Reader:
        """Import the reader."""
        module, _, function = self.reader.partition(":")
        return cast(Reader, getattr(import_module(module), function))


_CSV = Format(reader="ingest.sources.csv_file:read_csv")
_JSONL = Format(reader="ingest.sources.jsonl_file:read_jsonl")
_JSON = Format(reader="ingest.sources.json_file:read_json", apart=True, memory_mb=256)
_YAML = Format(reader="ingest.sources.yaml_file:read_yaml", apart=True, memory_mb=256)
_XLSX = Format(reader="ingest.sources.xlsx_file:read_xlsx", apart=True, memory_mb=256, seconds=120.0)
_TEXT = Format(reader="ingest.sources.csv_file:read_text_file", apart=True)
_MARKDOWN = Format(reader="ingest.sources.markdown_file:read_markdown", apart=True)
_HTML = Format(reader="ingest.sources.html_file:read_html", apart=True, memory_mb=256, seconds=120.0)
_DOCX = Format(reader="ingest.sources.docx_file:read_docx", apart=True)
_PDF = Format(reader="ingest.sources.pdf_file:read_pdf", apart=True, memory_mb=256, seconds=300.0)

# By the suffix of the file's name, in lower case.
READERS: Mapping[str, Format] = {
    ".csv": _CSV,
    ".tsv": _CSV,
    ".tab": _CSV,
    ".txt": _TEXT,
    ".xlsx": _XLSX,
    ".xlsm": _XLSX,
    ".xls": _XLSX,
    ".json": _JSON,
    ".yaml": _YAML,
    ".yml": _YAML,
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    **dict.fromkeys((".html", ".htm", ".xhtml", ".mhtml", ".mht"), _HTML),
    ".docx": _DOCX,
    ".pdf": _PDF,
}

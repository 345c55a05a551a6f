"""What can go wrong in ingest beyond the records of a document, each error with the next step in its sentence."""


class IngestError(Exception):
    """Root of the errors that `ingest` raises; nothing was changed."""


class SuiteError(IngestError):
    """A line of a gate's suite cannot be used, or names an entry that no version has; mend the file."""


class EntryNotFound(IngestError):
    """The base has no entry of that id; `kefu kb export` lists all."""


class BaseExists(IngestError):
    """There is a knowledge base of that name already. Trying again cannot help."""


class EntryRefused(IngestError):
    """An entry cannot be taken over as it was given; the message says what is wrong with it."""

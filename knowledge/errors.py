"""What can go wrong with knowledge, each error with the next step in its sentence."""


class KnowledgeError(Exception):
    """Root of the errors that `knowledge` raises."""


class KnowledgeBaseNotFound(KnowledgeError):
    """No knowledge base of that name; ingesting a file with `--kb NAME` makes it."""


class NothingPublished(KnowledgeError):
    """The base has no live version yet; publishing one helps."""


class DimensionMismatch(KnowledgeError):
    """Vectors of another width than the store's; the encoder was changed without a new version."""


class StoreUnavailable(KnowledgeError):
    """The vector store gave no answer within its timeout; trying again may work."""


class VersionCorrupt(KnowledgeError):
    """A file of a published version does not match its manifest; rolling back or publishing again helps."""


class VersionNotFound(KnowledgeError):
    """No such version of the base; `kefu kb history` lists those that are kept."""


class CatalogUnavailable(KnowledgeError):
    """The catalog's database cannot be opened, read or written; the message says why and whether waiting helps."""


class WriterBusy(KnowledgeError):
    """Another process has been publishing this base for longer than the wait allowed; trying again later works."""


class InvalidName(KnowledgeError):
    """A workspace or knowledge base is named in a way that cannot be a folder on every system."""

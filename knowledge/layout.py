"""Where things lie below the home folder."""

import re
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import InvalidName

_NAME = re.compile(r"\w[\w.-]{0,63}")  # any script; no separator, no leading dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders of one installation.

    home/catalog.db, and for each base home/kb/<workspace>/<kb>/versions/<version>/.
    """

    home: Path

    @property
    def catalog(self) -> Path:
        """The catalog's database."""
        return self.home / "catalog.db"

    def base(self, workspace: str, kb: str) -> Path:
        """Give the folder of a knowledge base, which may not exist yet.

        Raises:
            InvalidName: a name cannot be a folder.
        """
        for name in (workspace, kb):
            if not _NAME.fullmatch(name) or name.endswith("."):
                raise InvalidName(
                    f"{name!r} cannot name a workspace or knowledge base; use up to 64 letters, digits, '-', '_' and "
                    "'.', the first one a letter or digit."
                )
        return self.home / "kb" / workspace / kb

    def versions(self, workspace: str, kb: str) -> Path:
        """Give the folder that holds a base's versions."""
        return self.base(workspace, kb) / "versions"

    def version(self, workspace: str, kb: str, version: str) -> Path:
        """Give the folder of one version."""
        return self.versions(workspace, kb) / version

    def intents(self, workspace: str, kb: str) -> Path:
        """Give the folder that holds a base's trained intent heads, one folder each."""
        return self.base(workspace, kb) / "intents"

    def lock(self, workspace: str, kb: str) -> Path:
        """Give the file that the one process holds that is publishing this base."""
        return self.base(workspace, kb) / "publish.lock"

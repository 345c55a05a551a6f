"""What differs between two versions of a knowledge base."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.plan import differing
from knowledge.catalog import VersionState
from knowledge.errors import NothingPublished, VersionNotFound
from knowledge.publish import Publisher
from knowledge.types import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedEntry:
    """An entry that says something else in the second version."""

    before: Entry
    after: Entry

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that differ."""
        return differing(self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What leads from one version to another."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[ChangedEntry, ...]


def compare(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Difference:
    """Compare entries by id; where an entry was read does not count."""
    common = sorted(before.keys() & after.keys())
    pairs = (ChangedEntry(before=before[entry_id], after=after[entry_id]) for entry_id in common)
    return Difference(
        added=tuple(after[entry_id] for entry_id in sorted(after.keys() - before.keys())),
        removed=tuple(before[entry_id] for entry_id in sorted(before.keys() - after.keys())),
        changed=tuple(pair for pair in pairs if pair.before != pair.after and pair.fields),
    )


def resolve_version(publisher: Publisher, workspace: str, kb: str, name: str) -> str:
    """Give the id that "live", "previous", an id or the beginning of one stands for.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
        NothingPublished: it has no live version.
        VersionNotFound: no kept version, or more than one, is called so.
    """
    live = publisher.catalog.live_version(workspace, kb)
    versions = publisher.catalog.versions(workspace, kb)
    kept = [version.id for version in versions if version.state is VersionState.KEPT]
    if live is None:
        raise NothingPublished(f"The knowledge base {kb!r} has no live version yet; run `kefu ingest FILE --kb {kb}`.")
    if name == "live":
        return live
    if name == "previous":
        if not kept:
            raise VersionNotFound(f"{kb!r} has no version before the live one; there is nothing to compare with.")
        return kept[0]
    found = [version for version in (live, *kept) if version.startswith(name)]
    if len(found) != 1:
        trouble = "keeps no version" if not found else "has more than one version that begins with"
        raise VersionNotFound(f"{kb!r} {trouble} {name!r}; kept are: {', '.join((live, *kept))}.")
    return found[0]

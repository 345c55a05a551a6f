"""Which documents an ingest reads, and which of those that were read earlier are not there any more."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.records import Note, Rejection
from ingest.sources.document import Item, ReadOptions
from ingest.sources.halves import join_halves
from ingest.sources.reading import SourceReader
from knowledge.catalog import KnownDocument
from knowledge.types import Source

_REPORT_EVERY = 500  # records between two reports of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the given paths hold."""

    items: Sequence[Item]
    documents: frozenset[KnownDocument]  # that gave anything, a rejection included
    roots: frozenset[str]  # the folders that were given, or that hold the files that were given


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """How the documents that were read now stand to those that were read earlier."""

    new: tuple[KnownDocument, ...] = ()  # to be remembered
    outdated: tuple[KnownDocument, ...] = ()  # to be forgotten: vanished, or elsewhere now
    vanished: frozenset[str] = frozenset()  # names of documents below the given folders that are not there any more
    ambiguous: frozenset[str] = frozenset()  # names that another document, elsewhere, has as well
    notes: tuple[Note, ...] = ()


def read_documents(paths: Sequence[Path], options: ReadOptions, progress: Callable[[int], None]) -> Reading:
    """Read all that the paths hold; what cannot be read is among the items, as a rejection.

    Args:
        paths: files, or folders with files below.
        options: of reading.
        progress: told how many records were read so far.
    """
    items: list[Item] = []
    documents: set[KnownDocument] = set()
    roots: set[str] = set()
    with SourceReader(options) as reader:
        for path in paths:
            root = str((path if path.is_dir() else path.parent).resolve())
            roots.add(root)
            names: dict[str, None] = {}
            for item in reader.read(path):
                items.append(item)
                names[item.source.file] = None
                if len(items) % _REPORT_EVERY == 0:
                    progress(len(items))
            documents.update(KnownDocument(root=root, name=name) for name in names)
    progress(len(items))
    return Reading(items=list(join_halves(items)), documents=frozenset(documents), roots=frozenset(roots))


def locate(reading: Reading, known: Iterable[KnownDocument], *, sync: bool) -> Whereabouts:
    """Compare what was read now with what was read earlier.

    A document has vanished if it was read from one of the folders given now and is no longer there. A folder that is
    gone, and whose documents are found in another one now, has moved there.

    Args:
        reading: of this ingest.
        known: documents of earlier ones.
        sync: forget the documents that vanished.
    """
    earlier = sorted(known)
    moved = _moved(reading, earlier)
    names = {document.name for document in reading.documents}
    vanished: set[str] = set()
    ambiguous: set[str] = set()
    outdated: set[KnownDocument] = set()
    placed: set[KnownDocument] = set(reading.documents)
    notes: list[Note] = []
    for document in earlier:
        root = moved.get(document.root, document.root)
        now = KnownDocument(root=root, name=document.name)
        there = now in reading.documents or _is_there(now, reading)
        if not there and root in reading.roots:
            vanished.add(document.name)
            if sync:
                outdated.add(document)
                continue
        elif there and root not in reading.roots and document.name in names:
            ambiguous.add(document.name)
            text = f"another document of this name was read from {root}; nothing that it said is removed"
            notes.append(Note(source=Source(file=document.name, place=""), text=text))
        elif not there and document.name in names:  # read from elsewhere now
            outdated.add(document)
            continue
        elif sync and root in reading.roots and document.name not in names:
            text = "it is still there but was not named this time; its entries stay"
            notes.append(Note(source=Source(file=document.name, place=""), text=text))
        if root != document.root:
            outdated.add(document)
        placed.add(now)
    return Whereabouts(
        new=tuple(sorted(placed - set(earlier))),
        outdated=tuple(sorted(outdated)),
        vanished=frozenset(vanished - names),
        ambiguous=frozenset(ambiguous),
        notes=tuple(notes),
    )


def _moved(reading: Reading, earlier: Sequence[KnownDocument]) -> dict[str, str]:
    """Give the folders that are gone, each with the one in which a document of the same name was found now."""
    found = {document.name: document.root for document in sorted(reading.documents, reverse=True)}
    return {
        document.root: found[document.name]
        for document in earlier
        if document.name in found and document.root not in reading.roots and not Path(document.root).is_dir()
    }


def _is_there(document: KnownDocument, reading: Reading) -> bool:
    """Tell whether a document is still on disk; one within an archive, if that was not read, or not as a whole."""
    root = Path(document.root)
    try:
        if (root / document.name).exists():
            return True
    except OSError:  # who may not look cannot say that it is gone
        return True
    for parent in Path(document.name).parents:
        if (root / parent).is_file():
            inside = f"{parent.as_posix()}/"
            read = any(each.root == document.root and each.name.startswith(inside) for each in reading.documents)
            whole = {
                item.source.file for item in reading.items if isinstance(item, Rejection) and not item.source.place
            }
            return not read or parent.as_posix() in whole
    return False

"""Search by a Qdrant server, for several machines that share one index."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from knowledge.errors import StoreUnavailable
from knowledge.memory_store import check_width
from knowledge.store import FloatMatrix
from knowledge.types import ANY, Entry, Filter, Hit, Passage

_UPSERT_POINTS = 256  # points a request: about 1 MB at 384 dimensions
_EXTRA = 16  # hits fetched beyond k, so that ties at the border are mostly seen at once
_TIE = 6  # decimals of a score that are the same on every server build
_KEYWORDS = ("language", "category", "tags")
_DATES = ("valid_from", "valid_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class QdrantAddress:
    """Where a Qdrant server listens."""

    url: str  # as qdrant-client takes it
    timeout_s: float = 2.0  # for one search; filling allows ten times as much a request
    api_key: str | None = None

    @classmethod
    def parse(cls, url: str, *, api_key: str | None = None) -> "QdrantAddress":
        """Read `qdrant://host:port[?tls=1][&timeout_s=2]`.

        Raises:
            ValueError: the URL is of another form.
        """
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        if parts.scheme != "qdrant" or not parts.hostname or not options.keys() <= {"tls", "timeout_s"}:
            raise ValueError(f"A Qdrant store is written qdrant://host:port[?tls=1&timeout_s=2], not {url!r}.")
        scheme = "https" if options.get("tls", ["0"])[0] == "1" else "http"
        timeout_s = float(options.get("timeout_s", ["2"])[0])
        address = f"{scheme}://{parts.hostname}:{parts.port or 6333}"
        return cls(url=address, timeout_s=timeout_s, api_key=api_key)

    def connect(self) -> QdrantClient:
        """Make a client; nothing is sent yet."""
        return QdrantClient(
            url=self.url, api_key=self.api_key, timeout=max(1, round(self.timeout_s)), check_compatibility=False
        )


class QdrantStore:
    """One collection for one version; payload fields carry what filters ask about."""

    def __init__(self, client: QdrantClient, collection: str, dim: int, *, timeout_s: float = 2.0) -> None:
        """Take a client, which the store closes, and the collection's name.

        Args:
            client: connected or not; the first call connects.
            collection: made by `fill`; of a filled one only `search` is used.
            dim: width of the vectors.
            timeout_s: for one search; each request of `fill` is given ten times as much.
        """
        self._client = client
        self._collection = collection
        self._dim = dim
        self._timeout_s = max(1, round(timeout_s))  # the protocol knows whole seconds

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    def __len__(self) -> int:
        """Passages held, as the server counts them; none when the collection does not exist yet."""
        with _mapped(self._collection):
            if not self._client.collection_exists(self._collection):
                return 0
            return self._client.count(self._collection, exact=True).count

    def fill(self, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]) -> None:
        """Replace the collection with these vectors; see KnowledgeStore.fill."""
        check_width(vectors, self._dim)
        payloads = {entry.id: _payload(entry) for entry in entries}
        with _mapped(self._collection):
            self._recreate()
            for start in range(0, len(passages), _UPSERT_POINTS):
                points = [
                    models.PointStruct(
                        id=passage.id, vector=vectors[passage.id].tolist(), payload=payloads[passage.entry_id]
                    )
                    for passage in passages[start : start + _UPSERT_POINTS]
                ]
                self._client.upsert(self._collection, points, wait=True, timeout=self._timeout_s * 10)

    def _recreate(self) -> None:
        # Dot, not cosine: the vectors have norm 1 already, and for cosine Qdrant would normalise them once more.
        if self._client.collection_exists(self._collection):
            self._client.delete_collection(self._collection)
        self._client.create_collection(
            self._collection,
            vectors_config=models.VectorParams(size=self._dim, distance=models.Distance.DOT),
            timeout=self._timeout_s * 10,
        )
        if self._client.init_options.get("location") == ":memory:":
            return  # the local mode has no payload indexes and warns about each
        for field in _KEYWORDS:
            self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.KEYWORD)
        for field in _DATES:
            self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.DATETIME)

    def search(self, queries: FloatMatrix, *, k: int, where: Filter = ANY) -> list[list[Hit]]:
        """Find the nearest passages; see KnowledgeStore.search. All queries travel in one request."""
        check_width(queries, self._dim)
        if k <= 0 or not len(queries):
            return [[] for _ in queries]
        limit = k + _EXTRA
        while True:
            found = self._ask(queries, limit, where)
            if not any(_cuts_a_tie(points, k, limit) for points in found):
                return [_hits(points, k) for points in found]
            limit *= 4

    def _ask(self, queries: FloatMatrix, limit: int, where: Filter) -> list[list[models.ScoredPoint]]:
        condition = _condition(where)
        requests = [
            models.QueryRequest(query=query.tolist(), limit=limit, filter=condition, with_payload=False)
            for query in queries
        ]
        with _mapped(self._collection):
            answers = self._client.query_batch_points(self._collection, requests, timeout=self._timeout_s)
        return [answer.points for answer in answers]

    def drop(self) -> None:
        """Delete the collection; one that does not exist is no error."""
        with _mapped(self._collection):
            self._client.delete_collection(self._collection)

    def close(self) -> None:
        """Close the connection; the collection stays."""
        self._client.close()


@contextmanager
def _mapped(collection: str) -> Iterator[None]:
    """Turn what the client and its transport raise into StoreUnavailable.

    The local mode raises ValueError for a collection that does not exist.
    """
    try:
        yield
    except (ApiException, UnexpectedResponse, httpx.HTTPError, OSError, ValueError) as exc:
        raise StoreUnavailable(
            f"Qdrant gave no answer for the collection {collection!r} ({type(exc).__name__}: {exc}); "
            "check that the server runs at the configured address and try again."
        ) from exc


def _payload(entry: Entry) -> dict[str, Any]:
    dates = {"valid_from": entry.valid_from, "valid_until": entry.valid_until}
    return {
        "entry_id": entry.id,
        "language": entry.language,
        "category": entry.category,
        "tags": list(entry.tags),
        **{name: date.isoformat() for name, date in dates.items() if date is not None},
    }


def _condition(where: Filter) -> models.Filter | None:
    must: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchAny(any=sorted(values)))
        for key, values in (("language", where.languages), ("category", where.categories), ("tags", where.tags))
        if values
    ]
    if where.at is not None:
        must.append(_absent_or("valid_from", models.DatetimeRange(lte=where.at)))
        must.append(_absent_or("valid_until", models.DatetimeRange(gt=where.at)))
    return models.Filter(must=must) if must else None


def _absent_or(key: str, span: models.DatetimeRange) -> models.Filter:
    """Admit points that lack the field, and those whose date lies in the span."""
    return models.Filter(
        should=[
            models.IsEmptyCondition(is_empty=models.PayloadField(key=key)),
            models.FieldCondition(key=key, range=span),
        ]
    )


def _cuts_a_tie(points: Sequence[models.ScoredPoint], k: int, limit: int) -> bool:
    """Tell whether points with the k-th score may have been left out."""
    return len(points) == limit and round(points[-1].score, _TIE) >= round(points[k - 1].score, _TIE)


def _hits(points: Sequence[models.ScoredPoint], k: int) -> list[Hit]:
    ranked = sorted(points, key=lambda point: (-round(point.score, _TIE), int(point.id)))
    return [Hit(passage_id=int(point.id), score=min(1.0, max(-1.0, point.score))) for point in ranked[:k]]

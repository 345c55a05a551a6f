"""A Qdrant server for tests: the REST routes that the store uses, over the local mode of the client."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from qdrant_client import QdrantClient, models

_ROUTE = re.compile(r"/collections/(?P<name>[^/?]+)(?P<rest>/[^?]*)?(?:\?.*)?")


class QdrantServer:
    """Collections in memory behind REST; can be told to fail or to hang."""

    def __init__(self) -> None:
        self.local = QdrantClient(location=":memory:")
        self.indexed: set[tuple[str, str]] = set()  # payload field, kind
        self.status = 200
        self.hang = threading.Event()  # set: answers go out at once
        self.hang.set()
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: dict) -> object:
        match = _ROUTE.fullmatch(path)
        assert match, path
        name, rest = match["name"], match["rest"] or ""
        with self._lock:
            match method, rest:
                case "GET", "/exists":
                    return {"exists": self.local.collection_exists(name)}
                case "PUT", "":
                    vectors = models.CreateCollection(**body).vectors
                    return self.local.create_collection(name, vectors_config=vectors)
                case "DELETE", "":
                    return self.local.delete_collection(name)
                case "PUT", "/index":
                    self.indexed.add((body["field_name"], body["field_schema"]))
                    return {"operation_id": 1, "status": "completed"}
                case "PUT", "/points":
                    self.local.upsert(name, models.PointsList(**body).points)
                    return {"operation_id": 1, "status": "completed"}
                case "POST", "/points/count":
                    return self.local.count(name, exact=True).model_dump()
                case "POST", "/points/query/batch":
                    requests = models.QueryRequestBatch(**body).searches
                    return [found.model_dump(mode="json") for found in self.local.query_batch_points(name, requests)]
        raise AssertionError(f"{method} {path} is not one of the routes")


@contextmanager
def serving() -> Iterator[tuple[str, QdrantServer]]:
    """Serve on a free port of the loopback interface; gives "127.0.0.1:port" and the server."""
    fake = QdrantServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            fake.hang.wait(10)
            try:
                result = fake.answer(self.command, self.path, body) if fake.status == 200 else None
                status, content = fake.status, {"result": result, "status": "ok", "time": 0.0}
            except ValueError as exc:
                status, content = 404, {"status": {"error": str(exc)}}
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_POST = do_DELETE = _handle

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", fake
    finally:
        fake.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
        fake.local.close()

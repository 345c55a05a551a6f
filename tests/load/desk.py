"""An agent's browser without the browser, for greenlets: signed in over HTTP, one socket, frames as dictionaries."""

import json
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self

import websocket

_TIMEOUT_S = 30.0


class Console:
    """A page of the console."""

    def __init__(self, host: str) -> None:
        self._url = f"{host.rstrip('/')}/v1/console"
        self._headers = {"X-Kefu-Console": "1", "Origin": host.rstrip("/"), "Content-Type": "application/json"}
        self._cookies = CookieJar(DefaultCookiePolicy(strict_domain=False))
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    @classmethod
    def sign_in(cls, host: str, login: str, password: str) -> Self:
        page = cls(host)
        page.post("session", login=login, password=password)
        return page

    def post(self, path: str, **body: object) -> Any:
        """Ask for something, and again where it was too fast."""
        request = urllib.request.Request(f"{self._url}/{path}", json.dumps(body).encode(), self._headers)
        while True:
            try:
                with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
                time.sleep(int(error.headers["Retry-After"]))


class Desk:
    """A tab: the socket of an agent who is available."""

    def __init__(self, host: str, login: str, password: str) -> None:
        ticket = Console.sign_in(host, login, password).post("ticket")["ticket"]
        self._socket = websocket.create_connection(
            f"{host.replace('http', 'ws', 1).rstrip('/')}/v1/ws",
            subprotocols=["kefu.v1.json"],
            origin=host.rstrip("/"),
            timeout=_TIMEOUT_S,
        )
        self.send(type="hello", ticket=ticket)
        while (welcome := self.next(within_s=_TIMEOUT_S)) is None or welcome["type"] != "welcome":
            pass
        self.welcome = welcome
        self.send(type="presence", state="available")

    def send(self, **frame: object) -> None:
        """Send a frame."""
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.send(json.dumps(frame))

    def next(self, *, within_s: float) -> dict[str, Any] | None:
        """Give the next frame, None if none came in that time.

        Raises:
            websocket.WebSocketException, OSError: the connection is lost.
        """
        self._socket.settimeout(max(within_s, 0.001))
        try:
            raw = self._socket.recv()
        except websocket.WebSocketTimeoutException:
            return None
        if not raw:
            raise websocket.WebSocketConnectionClosedException("the server has closed the connection")
        frame: dict[str, Any] = json.loads(raw)
        return frame

    def close(self) -> None:
        """Go."""
        self._socket.close(timeout=1)


def hire(host: str, login: str, password: str, *, agents: int, capacity: int) -> dict[str, str]:
    """Add agents by the console's API, as an admin; give logins and passwords. A name that is taken is passed over."""
    page, stamp, passwords = Console.sign_in(host, login, password), int(time.time()), {}
    for number in range(1, agents + 1):
        name = f"load{stamp}-{number}"
        passwords[name] = page.post("agents", login=name, name=name, capacity=capacity)["password"]
    return passwords

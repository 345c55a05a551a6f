"""The gate of the WebSocket: a widget's key makes a visitor, a token brings one back, a signature tells who it is."""

import asyncio
from urllib.parse import urlsplit

from server.access.keys import Key, Keys
from server.access.tokens import Tokens, is_identity
from server.connections.credentials import Credential, Grant, Refused
from server.ids import new_id, to_text

_MAX_USER_CHARS = 200


class WidgetGate:
    """See `server.connections.credentials.Gate`.

    A visitor that a site vouches for is "user:ID"; others get a random name. They share no letter, so that nobody
    becomes a verified visitor by a lucky or chosen name.
    """

    def __init__(self, keys: Keys, tokens: Tokens) -> None:
        self._keys = keys
        self._tokens = tokens

    async def admit(self, credential: Credential) -> Grant:
        """Tell what a credential allows."""
        if credential.token:
            claims = self._tokens.check(credential.token)
            widget = await self._widget(claims.key, credential.origin, page=False)
            if widget.workspace != claims.workspace:
                raise Refused("this token is not valid")
            return self._grant(widget, claims.visitor, verified=claims.verified)
        widget = await self._widget(credential.key, credential.origin, page=not credential.user)
        if not credential.user:
            return self._grant(widget, f"visitor:{to_text(new_id())}", verified=False)
        if len(credential.user) > _MAX_USER_CHARS:
            raise Refused(f"a user's id has at most {_MAX_USER_CHARS} characters")
        if not is_identity(widget.identity_secret, credential.user, credential.signature):
            raise Refused("the signature does not fit the user")
        return self._grant(widget, f"user:{credential.user}", verified=True)

    async def _widget(self, key: str, origin: str, *, page: bool) -> Key:
        """Find a live key that may be used from where it is used.

        A key that lists pages is for those pages. Who names no page is no browser: an app with the token that it got,
        or with its site's word on who the visitor is; others take a key without such a list.

        Args:
            key: as the client shows it.
            origin: the page; "" for programs.
            page: it must be named, if the key lists pages.
        """
        widget = await asyncio.to_thread(self._keys.widget, key) if key else None
        if widget is None:
            raise Refused("this key is not valid")
        host = urlsplit(origin).netloc
        if widget.origins and (origin or page) and origin not in widget.origins and host not in widget.origins:
            raise Refused("this page may not use the key")
        return widget

    def _grant(self, widget: Key, visitor: str, *, verified: bool) -> Grant:
        token, claims = self._tokens.make(
            workspace=widget.workspace, visitor=visitor, kb=widget.kb, key=widget.id, verified=verified
        )
        return Grant(
            workspace=widget.workspace,
            visitor=visitor,
            kb=widget.kb,
            verified=verified,
            token=token,
            expires_at=claims.expires_at * 1000,
            credential=widget.id,
        )

"""Signing in and out, and changing one's password."""

import asyncio

from server.handoff.staff import Agent
from server.staff.accounts import Accounts
from server.staff.checking import plain_login
from server.staff.errors import SignInRefused
from server.staff.lockout import Lockout
from server.staff.passwords import Passwords
from server.staff.sessions import Sessions


class SignIn:
    """Turns a login and a password into a session. What fails looks and lasts the same whatever the reason."""

    def __init__(self, accounts: Accounts, sessions: Sessions, lockout: Lockout, passwords: Passwords) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._lockout = lockout
        self._passwords = passwords

    async def sign_in(
        self, workspace: str, login: str, password: str, *, address: str, client: str = ""
    ) -> tuple[str, Agent]:
        """Give the token of a new session, and whose it is.

        Raises:
            SignInRefused: they do not belong together, or the account is disabled.
            LockedOut: too many attempts failed.
            StaffUnavailable: the accounts cannot be read; trying again may work.
        """
        login = plain_login(login)
        attempt = await asyncio.to_thread(self._lockout.count, workspace, login, address)
        found, kept = await asyncio.to_thread(self._accounts.password_of, workspace, login)
        if not await self._passwords.fits(kept, password):
            raise SignInRefused
        await asyncio.to_thread(self._lockout.forgive, attempt)
        await self._accounts.refresh()
        agent = self._accounts.agent(workspace, found)
        if agent is None or agent.disabled:
            raise SignInRefused
        if self._passwords.is_outdated(kept):
            await asyncio.to_thread(self._accounts.rehash, workspace, found, await self._passwords.hashed(password))
        token, _ = await asyncio.to_thread(self._sessions.begin, workspace, found, client)
        return token, agent

    async def change_password(self, agent: Agent, old: str, new: str, *, session: str, address: str) -> None:
        """Set another password; all other sessions end. Guessing the old one is slowed down as at the sign-in.

        Raises:
            SignInRefused: the old one is wrong.
            BadPassword: the new one cannot be used.
            LockedOut: too many attempts failed.
        """
        attempt = await asyncio.to_thread(self._lockout.count, agent.workspace, agent.login, address)
        _, kept = await asyncio.to_thread(self._accounts.password_of, agent.workspace, agent.login)
        if not await self._passwords.fits(kept, old):
            raise SignInRefused
        await asyncio.to_thread(self._lockout.forgive, attempt)
        hashed = await self._passwords.hashed(new)
        await asyncio.to_thread(
            self._accounts.set_password, agent.workspace, agent.id, hashed, actor=f"agent:{agent.id}", but=session
        )

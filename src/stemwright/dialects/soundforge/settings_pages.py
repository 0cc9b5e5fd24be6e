"""The settings of an account: address, password, API keys, and keys and links of other services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from stemwright.errors import EmailTaken, LoginLinkInvalid
from stemwright.features.accounts.account import ApiKey

from .account_services import AccountServices
from .fields import Unfit, email_in, explained, password_in
from .pages import blanks
from .visits import Visit, invalid

Action = Callable[[Visit], Response]

SETTINGS: Final = "/users/settings"
_MOST_KEYS: Final = 100
_EMAIL_SENT: Final = "A link to confirm your email change has been sent to the new address."


@dataclass(frozen=True, slots=True)
class SettingsPages:
    """For whoever logged in just now."""

    services: AccountServices

    def show(self, visit: Visit) -> Response:
        """Everything on one page."""
        if visit.wants_json:
            return visit.answer(**self._document(visit), csrf_token=visit.carried.csrf)
        return self._page(visit)

    def change(self, visit: Visit) -> Response:
        """Do what ``action`` says."""
        actions: Mapping[str, Action] = {
            "update_email": self._update_email,
            "update_password": self._update_password,
            "create_key": self._create_key,
            "revoke_key": self._revoke_key,
            "update_lalalai_key": self._update_licence,
            "remove_lalalai_key": self._remove_licence,
            "unlink_spotify": self._unlink_spotify,
        }
        try:
            return _chosen(actions, visit.form.get("action", ""))(visit)
        except Unfit as unfit:
            if visit.wants_json:
                return invalid(unfit.problems)
            return self._page(visit, problems=unfit.problems)

    def confirm_email(self, visit: Visit) -> Response:
        """Use the new address, to which the link was sent."""
        try:
            user = self.services.links.confirm_email(
                visit.principal.owner, visit.path_parameters["token"]
            )
        except (LoginLinkInvalid, EmailTaken) as error:
            if visit.wants_json:
                raise LoginLinkInvalid("The link is invalid or it has expired.") from error
            visit.say("Email change link is invalid or it has expired.", "error")
            return visit.redirect(SETTINGS)
        return self._done(visit, "Email changed successfully.", email=user.email)

    def _update_email(self, visit: Visit) -> Response:
        email = email_in(visit.form)
        self.services.attempts.admit(visit.request.scope, visit.principal.owner)
        with explained():
            changed = self.services.links.request_email_change(visit.principal.owner, email)
        if changed is None:
            return self._done(visit, _EMAIL_SENT)
        return self._done(visit, "Email changed successfully.", email=changed.email)

    def _update_password(self, visit: Visit) -> Response:
        password = password_in(visit.form, confirmed=True)
        self.services.attempts.admit(visit.request.scope, visit.principal.owner)
        with explained():
            opened = self.services.sessions.change_password(visit.session, password)
        visit.log_in(opened)
        return self._done(visit, "Password updated successfully.", csrf_token=visit.carried.csrf)

    def _create_key(self, visit: Visit) -> Response:
        accounts, owner = self.services.accounts, visit.principal.owner
        if sum(1 for key in accounts.list_keys(owner) if key.revoked_at is None) >= _MOST_KEYS:
            raise Unfit(key_name=f"there are {_MOST_KEYS} keys already; revoke one first")
        name = visit.form.get("user[key_name]", "").strip()
        if not name:
            raise Unfit(key_name="can't be blank")
        with explained(other="key_name"):
            key, secret = accounts.create_key(owner, name)
        if visit.wants_json:
            return visit.answer(201, key=_key(key), secret=secret)
        return self._page(visit, secret=secret)

    def _revoke_key(self, visit: Visit) -> Response:
        owner, wanted = visit.principal.owner, visit.form.get("user[key_id]", "")
        if wanted not in {key.id for key in self.services.accounts.list_keys(owner)}:
            raise Unfit(key_id="there is no such key")
        self.services.accounts.revoke_key(wanted, owner)
        return self._done(visit, "API key revoked.")

    def _update_licence(self, visit: Visit) -> Response:
        text = visit.form.get("user[lalalai_key]", "").strip()
        if not text:
            raise Unfit(lalalai_key="can't be blank")
        with explained(other="lalalai_key"):
            self.services.licences.enter(visit.principal.owner, text)
        return self._done(visit, "lalal.ai key saved.")

    def _remove_licence(self, visit: Visit) -> Response:
        self.services.licences.remove(visit.principal.owner)
        return self._done(visit, "lalal.ai key removed.")

    def _unlink_spotify(self, visit: Visit) -> Response:
        if self.services.spotify is not None:
            self.services.spotify.unlink(visit.principal.owner)
        return self._done(visit, "Spotify account unlinked.")

    def _done(self, visit: Visit, message: str, **said: Any) -> Response:  # noqa: ANN401
        if visit.wants_json:
            return visit.answer(message=message, **said)
        visit.say(message)
        return visit.redirect(SETTINGS)

    def _page(
        self, visit: Visit, *, problems: Mapping[str, str] | None = None, secret: str = ""
    ) -> Response:
        typed = {name: text[:200] for name, text in visit.form.items() if "password" not in name}
        return visit.page(
            "settings.html",
            problems=blanks(problems or {}),
            secret=secret,
            typed=blanks(typed if problems else {}),
            delivers=self.services.links.mailer.delivers,
            **self._facts(visit),
        )

    def _facts(self, visit: Visit) -> dict[str, Any]:
        owner, spotify = visit.principal.owner, self.services.spotify
        keys = self.services.accounts.list_keys(owner)
        return {
            "user": self.services.accounts.find_user(owner),
            "keys": [key for key in keys if key.revoked_at is None],
            "has_licence": self.services.licences.has_own(owner),
            "spotify_offered": spotify is not None,
            "spotify": spotify.account(owner) if spotify is not None else None,
        }

    def _document(self, visit: Visit) -> dict[str, Any]:
        facts = self._facts(visit)
        user, linked = facts["user"], facts["spotify"]
        return {
            "email": user.email,
            "has_password": user.has_password,
            "api_keys": [_key(key) for key in facts["keys"]],
            "lalalai_key": facts["has_licence"],
            "spotify": {
                "offered": facts["spotify_offered"],
                "linked": linked is not None,
                "usable": linked is not None and linked.is_usable,
            },
        }


def _chosen(actions: Mapping[str, Action], wanted: str) -> Action:
    if wanted not in actions:
        raise Unfit(action=f"is not one of: {', '.join(actions)}")
    return actions[wanted]


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }

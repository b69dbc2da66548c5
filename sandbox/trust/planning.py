"""From who and what for to a plan: one method per profile. No key, no signature, no state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from cryptography import x509

from sandbox.space.errors import UserError
from sandbox.trust import subjects
from sandbox.trust.authorities import SKEW, later
from sandbox.trust.hierarchy import Urls
from sandbox.trust.identity import Employee, Organisation, Professional, luhn_key
from sandbox.trust.issuing import LeafPlan, alternative_names
from sandbox.trust.keys import KeyKind
from sandbox.trust.profiles import PROFILES, Marker, ProfileName, usages_for

__all__ = ["Planner"]


def _card_number(national_id: str) -> str:
    """Draw a card number from the holder: issuer, then 10 digits that end with a Luhn key."""
    stem = f"28{sum(ord(c) * 31**i for i, c in enumerate(national_id)) % 10**7:07d}"
    return f"8025000001/{stem}{luhn_key(stem)}"


class Planner:
    """Says what a certificate of each profile will say.

    Args:
        urls: Where certificates say that public files are.
        key_kind: Key of the leaves.
        marker: Environment that they declare.
        clock: Gives the time, UTC.
    """

    def __init__(
        self, *, urls: Urls, key_kind: KeyKind, marker: Marker, clock: Callable[[], datetime]
    ) -> None:
        self._urls = urls
        self._key_kind = key_kind
        self._marker = marker
        self._clock = clock

    def server(
        self,
        profile: ProfileName,
        organisation: Organisation,
        names: Sequence[str],
        addresses: Sequence[str] = (),
    ) -> LeafPlan:
        """Plan a server certificate: CN the first name, SAN all names (and addresses)."""
        if not names:
            raise UserError(
                "donner au moins un nom d'hôte", "give at least one host name", where=profile
            )
        general = alternative_names(names, addresses)
        return self._plan(profile, subjects.org_subject(organisation, names[0]), general)

    def org_client(self, organisation: Organisation, label: str) -> LeafPlan:
        """Plan an ORG AUTH_CLI certificate; CN is a label."""
        return self._plan(ProfileName.ORG_CLIENT, subjects.org_subject(organisation, label))

    def org_seal(self, organisation: Organisation, label: str, mail: str = "") -> LeafPlan:
        """Plan a seal; SAN `mail` when given."""
        names = [subjects.mail_name(mail)] if mail else []
        subject = subjects.org_subject(organisation, label)
        return self._plan(ProfileName.ORG_SEAL, subject, names)

    def list_signing(self, organisation: Organisation, name: str, mail: str) -> LeafPlan:
        """Plan the certificate that signs the list; RSA, since the real list is RSA-SHA256."""
        subject = subjects.org_subject(organisation, name)
        plan = self._plan(ProfileName.LIST_SIGNING, subject, [subjects.mail_name(mail)])
        return replace(plan, key_kind=KeyKind.RSA_2048, usages=plan.profile.usages)

    def cps(self, person: Professional, card_number: str = "") -> tuple[LeafPlan, LeafPlan]:
        """Plan the authentication and the signature certificates of a card."""
        number = card_number or _card_number(person.national_id)
        subject = subjects.person_subject(person)
        private = subjects.card_extensions(number, person.profession_code)
        names = [subjects.upn(person.national_id)]
        mail = [subjects.mail_name(person.mail)] if person.mail else []
        return (
            self._plan(ProfileName.CPS_AUTH, subject, names, private),
            self._plan(ProfileName.CPS_SIGN, subject, mail, private),
        )

    def cpe(self, employee: Employee, card_number: str = "") -> LeafPlan:
        """Plan the authentication certificate of an employee's card."""
        return self._plan(
            ProfileName.CPE_AUTH,
            subjects.employee_subject(employee),
            [subjects.upn(employee.national_id)],
            subjects.card_extensions(card_number or _card_number(employee.national_id)),
        )

    def _plan(
        self,
        name: ProfileName,
        subject: x509.Name,
        names: Sequence[x509.GeneralName] = (),
        private: Sequence[x509.UnrecognizedExtension] = (),
    ) -> LeafPlan:
        profile = PROFILES[name]
        start = self._clock().replace(microsecond=0) - SKEW
        return LeafPlan(
            profile=profile,
            subject=subject,
            not_before=start,
            not_after=later(start, profile.years),
            issuer=profile.issuer,
            marker=self._marker,
            key_kind=self._key_kind,
            usages=usages_for(profile.usages, rsa=self._key_kind is not KeyKind.P256),
            purposes=profile.purposes,
            crl_url=self._urls.crl(profile.issuer),
            delta_url=self._urls.delta(profile.issuer),
            ocsp_url=self._urls.responder(),
            issuer_url=self._urls.issuer(profile.issuer),
            policy_url=self._urls.policy,
            alternative_names=tuple(names),
            private=tuple(private),
        )

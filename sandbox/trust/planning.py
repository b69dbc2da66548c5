"""From who and what for to a plan: one method per profile. No key, no signature, no state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sandbox.space.errors import UserError
from sandbox.trust.authorities import SKEW, later
from sandbox.trust.hierarchy import Urls
from sandbox.trust.identity import Employee, Organisation, Professional, luhn_key
from sandbox.trust.issuing import LeafPlan, alternative_names
from sandbox.trust.keys import KeyKind
from sandbox.trust.profiles import (
    CARD_NUMBER,
    CARD_TYPE,
    PROFESSION,
    PROFILES,
    Marker,
    ProfileName,
    private_integer,
    private_text,
    usages_for,
)

__all__ = ["Planner"]

_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_CPS_CARD = 0
Part = tuple[tuple[ObjectIdentifier, str], ...]


def _name(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    try:
        return x509.NameAttribute(oid, value)
    except ValueError as error:
        raise UserError.because(
            "ne peut figurer dans un certificat",
            "cannot stand in a certificate",
            f"{value!r}",
            error,
        ) from None


def _subject(*parts: Part) -> x509.Name:
    """Return `C=FR`, then one RDN for each part."""
    named = (((NameOID.COUNTRY_NAME, "FR"),), *parts)
    return x509.Name(
        [x509.RelativeDistinguishedName([_name(*pair) for pair in part]) for part in named]
    )


def _structure(organisation: Organisation) -> tuple[Part, ...]:
    return (
        ((NameOID.STATE_OR_PROVINCE_NAME, organisation.department),),
        ((NameOID.ORGANIZATION_NAME, organisation.name),),
        ((NameOID.ORGANIZATIONAL_UNIT_NAME, organisation.unit),),
    )


def _holder(person: Professional | Employee) -> Part:
    """Return the multi-valued RDN {SN+CN+GN} of cards, CN being the national identifier."""
    return (
        (NameOID.SURNAME, person.surname),
        (NameOID.COMMON_NAME, person.national_id),
        (NameOID.GIVEN_NAME, person.given_name),
    )


def org_subject(organisation: Organisation, common_name: str) -> x509.Name:
    """Return `C=FR, ST, O, OU=<1+FINESS or 3+SIRET>, CN`."""
    return _subject(*_structure(organisation), ((NameOID.COMMON_NAME, common_name),))


def person_subject(person: Professional) -> x509.Name:
    """Return `C=FR, title=<profession>, {SN+CN+GN}`."""
    return _subject(((NameOID.TITLE, person.profession),), _holder(person))


def employee_subject(employee: Employee) -> x509.Name:
    """Return `C=FR, ST, O, OU=<1+FINESS>, title, {SN+CN+GN}`."""
    title = ((NameOID.TITLE, employee.function),)
    return _subject(*_structure(employee.structure), title, _holder(employee))


def card_extensions(
    card_number: str, profession_code: int | None = None
) -> tuple[x509.UnrecognizedExtension, ...]:
    """Return the GIP-CPS extensions of a card: type, number, and profession when there is one."""
    extensions = (
        private_integer(CARD_TYPE, _CPS_CARD),
        private_text(CARD_NUMBER, card_number),
    )
    if profession_code is None:
        return extensions
    return (*extensions, private_integer(PROFESSION, profession_code))


def upn(national_id: str) -> x509.GeneralName:
    """Return the Windows principal name of a card, `<CN>@carte-cps.fr`."""
    return x509.OtherName(_UPN, asn1.encode_der(f"{national_id}@carte-cps.fr"))


def mail_name(address: str) -> x509.GeneralName:
    """Return an address as an alternative name.

    Raises:
        UserError: it is not an address.
    """
    local, at, domain = address.partition("@")
    if not (local and at and domain) or not address.isascii() or " " in address:
        raise UserError(
            "ce n'est pas une adresse ; en donner une comme",
            "not an address; give one such as",
            where=f"{address!r}",
            then="name@op1.mssante.test",
        )
    return x509.RFC822Name(address)


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
        return self._plan(profile, org_subject(organisation, names[0]), general)

    def org_client(self, organisation: Organisation, label: str) -> LeafPlan:
        """Plan an ORG AUTH_CLI certificate; CN is a label."""
        return self._plan(ProfileName.ORG_CLIENT, org_subject(organisation, label))

    def org_seal(self, organisation: Organisation, label: str, mail: str = "") -> LeafPlan:
        """Plan a seal; SAN `mail` when given."""
        names = [mail_name(mail)] if mail else []
        subject = org_subject(organisation, label)
        return self._plan(ProfileName.ORG_SEAL, subject, names)

    def list_signing(self, organisation: Organisation, name: str, mail: str) -> LeafPlan:
        """Plan the certificate that signs the list; RSA, since the real list is RSA-SHA256."""
        subject = org_subject(organisation, name)
        plan = self._plan(ProfileName.LIST_SIGNING, subject, [mail_name(mail)])
        return replace(plan, key_kind=KeyKind.RSA_2048, usages=plan.profile.usages)

    def cps(self, person: Professional) -> tuple[LeafPlan, LeafPlan]:
        """Plan the authentication and the signature certificates of a card."""
        subject = person_subject(person)
        private = card_extensions(_card_number(person.national_id), person.profession_code)
        names = [upn(person.national_id)]
        mail = [mail_name(person.mail)] if person.mail else []
        return (
            self._plan(ProfileName.CPS_AUTH, subject, names, private),
            self._plan(ProfileName.CPS_SIGN, subject, mail, private),
        )

    def cpe(self, employee: Employee) -> LeafPlan:
        """Plan the authentication certificate of an employee's card."""
        return self._plan(
            ProfileName.CPE_AUTH,
            employee_subject(employee),
            [upn(employee.national_id)],
            card_extensions(_card_number(employee.national_id)),
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

"""What each profile says of its subject: names, alternative names, private extensions."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sandbox.space.errors import UserError
from sandbox.trust.identity import Employee, Organisation, Professional
from sandbox.trust.profiles import (
    CARD_NUMBER,
    CARD_TYPE,
    PROFESSION,
    private_integer,
    private_text,
)

__all__ = [
    "card_extensions",
    "employee_subject",
    "mail_name",
    "org_subject",
    "person_subject",
    "upn",
]

_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_CPS_CARD = 0


def _name(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    try:
        return x509.NameAttribute(oid, value)
    except ValueError as error:
        raise UserError(
            "ne peut figurer dans un certificat",
            "cannot stand in a certificate",
            where=f"{value!r}",
            then=f"({error})",
        ) from None


def _country() -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([_name(NameOID.COUNTRY_NAME, "FR")])


def _one(oid: ObjectIdentifier, value: str) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([_name(oid, value)])


def _holder(surname: str, common_name: str, given_name: str) -> x509.RelativeDistinguishedName:
    """Return the multi-valued RDN {SN+CN+GN} of cards."""
    return x509.RelativeDistinguishedName(
        [
            _name(NameOID.SURNAME, surname),
            _name(NameOID.COMMON_NAME, common_name),
            _name(NameOID.GIVEN_NAME, given_name),
        ]
    )


def org_subject(organisation: Organisation, common_name: str) -> x509.Name:
    """Return `C=FR, ST, O, OU=<1+FINESS or 3+SIRET>, CN`."""
    return x509.Name(
        [
            _country(),
            _one(NameOID.STATE_OR_PROVINCE_NAME, organisation.department),
            _one(NameOID.ORGANIZATION_NAME, organisation.name),
            _one(NameOID.ORGANIZATIONAL_UNIT_NAME, organisation.unit),
            _one(NameOID.COMMON_NAME, common_name),
        ]
    )


def person_subject(person: Professional) -> x509.Name:
    """Return `C=FR, title=<profession>, {SN+CN+GN}`, CN being the national identifier."""
    return x509.Name(
        [
            _country(),
            _one(NameOID.TITLE, person.profession),
            _holder(person.surname, person.national_id, person.given_name),
        ]
    )


def employee_subject(employee: Employee) -> x509.Name:
    """Return `C=FR, ST, O, OU=<1+FINESS>, title, {SN+CN+GN}`."""
    structure = employee.structure
    return x509.Name(
        [
            _country(),
            _one(NameOID.STATE_OR_PROVINCE_NAME, structure.department),
            _one(NameOID.ORGANIZATION_NAME, structure.name),
            _one(NameOID.ORGANIZATIONAL_UNIT_NAME, structure.unit),
            _one(NameOID.TITLE, employee.function),
            _holder(employee.surname, employee.national_id, employee.given_name),
        ]
    )


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

"""Bad certificates on demand: one fault each, the rest right. Made when asked for, never stored.

Stored fixtures rot (they expire, their CRL empties); a table of faults does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.checking import CertificateFinding
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.identity import luhn_key
from sandbox.trust.issuing import Issued, LeafPlan, resign
from sandbox.trust.keys import KeyKind
from sandbox.trust.profiles import Marker

__all__ = ["FAULTS", "CertificateFault", "make_bad"]


@dataclass(frozen=True)
class CertificateFault:
    """One way for a certificate to be bad.

    Attributes:
        name: Its name on the command line.
        label: What is wrong, French then English.
        finding: What a checker should say; None when no client can tell from the certificate
            and its evidence (the answer is only late).
        plan: Changes what the certificate will say.
        after: Changes what was issued (revoked, chain).
        needs_name: It is about host names, so only server profiles have it.
        needs_entity: It is about the legal person, so persons' cards do not have it.
    """

    name: str
    label: str
    finding: CertificateFinding | None
    plan: Callable[[TestCA, LeafPlan], LeafPlan] = lambda _ca, plan: plan
    after: Callable[[TestCA, Issued], Issued] = lambda _ca, issued: issued
    needs_name: bool = False
    needs_entity: bool = False


def _dates(start_days: int, end_days: int) -> Callable[[TestCA, LeafPlan], LeafPlan]:
    def change(ca: TestCA, plan: LeafPlan) -> LeafPlan:
        now = ca.clock().replace(microsecond=0)
        return replace(
            plan,
            not_before=now + timedelta(days=start_days),
            not_after=now + timedelta(days=end_days),
        )

    return change


def _other_hierarchy(ca: TestCA, plan: LeafPlan) -> LeafPlan:
    """Have it signed by the authority of persons, or of organisations for a card."""
    other = (
        AuthorityName.ELEMENTAIRE_ORGANISATIONS
        if plan.issuer is not AuthorityName.ELEMENTAIRE_ORGANISATIONS
        else AuthorityName.FORT_PERSONNES
    )
    return replace(
        plan,
        issuer=other,
        crl_url=ca.urls.crl(other),
        delta_url=ca.urls.delta(other),
        issuer_url=ca.urls.issuer(other),
    )


def _other_usage(_ca: TestCA, plan: LeafPlan) -> LeafPlan:
    sign = ExtendedKeyUsageOID.EMAIL_PROTECTION
    if sign in plan.purposes:
        return replace(
            plan, usages=("key_encipherment",), purposes=(ExtendedKeyUsageOID.CODE_SIGNING,)
        )
    return replace(plan, usages=("content_commitment",), purposes=(sign,))


def _unit(change: Callable[[str], str]) -> Callable[[TestCA, LeafPlan], LeafPlan]:
    def apply(_ca: TestCA, plan: LeafPlan) -> LeafPlan:
        rdns = [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(a.oid, change(str(a.value)))
                    if a.oid == NameOID.ORGANIZATIONAL_UNIT_NAME
                    else a
                    for a in rdn
                ]
            )
            for rdn in plan.subject.rdns
        ]
        return replace(plan, subject=x509.Name(rdns))

    return apply


def _unassigned(_unit_text: str) -> str:
    """Return an OU whose FINESS has a right key and a department that does not exist (00)."""
    return f"100999999{luhn_key('00999999')}"


def _neighbour(unit: str) -> str:
    """Return the OU of another entity: the next number, with its right key."""
    stem = unit[1:-1]
    digits = "".join(c if c.isdigit() else "0" for c in stem)
    following = f"{(int(digits) + 1) % 10 ** len(digits):0{len(digits)}d}"
    return f"{unit[0]}{following}{luhn_key(following)}"


def _other_name(_ca: TestCA, plan: LeafPlan) -> LeafPlan:
    return replace(plan, alternative_names=(x509.DNSName("autre.mssante.test"),))


def _other_environment(_ca: TestCA, plan: LeafPlan) -> LeafPlan:
    other = Marker.PRODUCTION if plan.marker is Marker.TEST else Marker.TEST
    return replace(plan, marker=other)


def _revoked(ca: TestCA, issued: Issued) -> Issued:
    ca.revoke(issued, "key-compromise")
    return issued


def _impostor(ca: TestCA, issued: Issued) -> Issued:
    """Return the same subject signed by authorities of the same names and other keys."""
    impostor = TestCA(urls=ca.urls, key_kind=ca.key_kind, marker=ca.marker, clock=ca.clock)
    chain = impostor.authorities.chain(issued.issuer)
    certificate = resign(issued.certificate, *impostor.authorities.pair(issued.issuer))
    return replace(issued, certificate=certificate, chain=chain, presented=chain[:-1])


def _without_intermediate(ca: TestCA, issued: Issued) -> Issued:
    """Send another intermediate instead of the one that signed: the chain does not close."""
    other = (
        AuthorityName.STANDARD_PERSONNES
        if issued.issuer is not AuthorityName.STANDARD_PERSONNES
        else AuthorityName.FORT_PERSONNES
    )
    return replace(issued, presented=(ca.authorities.pair(other)[0],))


def _weak(_ca: TestCA, plan: LeafPlan) -> LeafPlan:
    return replace(plan, key_kind=KeyKind.RSA_1024, usages=plan.profile.usages)


def _ocsp(fault: str) -> Callable[[TestCA, LeafPlan], LeafPlan]:
    def change(ca: TestCA, plan: LeafPlan) -> LeafPlan:
        return replace(plan, ocsp_url=ca.urls.responder(fault))

    return change


def _stale_crl(ca: TestCA, plan: LeafPlan) -> LeafPlan:
    return replace(plan, crl_url=ca.urls.crl(plan.issuer, "stale"))


# Fault of the responder (`ocsp.OCSP_FAULTS`) -> what is wrong.
_OCSP = {
    "unsigned": "OCSP non signé / OCSP not signed",
    "wrong-signer": "OCSP signé sans le droit / OCSP signed without the right",
    "wrong-certid": "OCSP pour un autre certificat / OCSP about another certificate",
    "wrong-nonce": "OCSP avec un autre nonce / OCSP with another nonce",
    "stale": "OCSP périmé / OCSP past nextUpdate",
    "not-yet": "OCSP daté de demain / OCSP dated tomorrow",
    "unknown": "OCSP : certificat inconnu / OCSP: certificate unknown",
    "try-later": "OCSP : tryLater",
    "garbage": "OCSP illisible / OCSP unreadable",
    "unreachable": "OCSP injoignable / OCSP unreachable",
    "slow": "OCSP lent / OCSP slow",
}


def _faults() -> Iterator[CertificateFault]:
    fault, found = CertificateFault, CertificateFinding
    yield fault("expired", "expiré hier / expired yesterday", found.EXPIRED, _dates(-366, -1))
    yield fault(
        "not-yet-valid", "valable demain / valid from tomorrow", found.NOT_YET_VALID, _dates(1, 366)
    )
    yield fault(
        "revoked", "révoqué, clé compromise / revoked, key compromised", found.REVOKED,
        after=_revoked,
    )  # fmt: skip
    yield fault(
        "wrong-hierarchy",
        "signé par une autre autorité de l'IGC / signed by another IGC authority",
        found.WRONG_HIERARCHY, _other_hierarchy,
    )  # fmt: skip
    yield fault(
        "impostor", "mêmes noms, autres clés d'autorité / same names, other authority keys",
        found.UNTRUSTED, after=_impostor,
    )  # fmt: skip
    yield fault(
        "broken-chain", "mauvais intermédiaire présenté / the wrong intermediate is presented",
        found.UNTRUSTED, after=_without_intermediate,
    )  # fmt: skip
    yield fault(
        "wrong-usage", "usages d'un autre profil / usages of another profile", found.WRONG_USAGE,
        _other_usage,
    )  # fmt: skip
    yield fault(
        "unknown-entity", "FINESS inconnu de l'annuaire / FINESS unknown to the directory",
        found.UNKNOWN_ENTITY, _unit(_unassigned), needs_entity=True,
    )  # fmt: skip
    yield fault(
        "wrong-entity", "identifiant d'une autre structure / identifier of another structure",
        found.WRONG_ENTITY, _unit(_neighbour), needs_entity=True,
    )  # fmt: skip
    yield fault(
        "wrong-name", "autre nom d'hôte / another host name", found.WRONG_NAME, _other_name,
        needs_name=True,
    )  # fmt: skip
    yield fault(
        "wrong-environment", "marqueur de l'autre environnement / marker of the other environment",
        found.WRONG_ENVIRONMENT, _other_environment,
    )  # fmt: skip
    yield fault("weak-key", "RSA 1024 bits", found.WEAK_KEY, _weak)
    unknown = found.REVOCATION_UNKNOWN
    yield fault("stale-crl", "sa CRL est périmée / its CRL is past nextUpdate", unknown, _stale_crl)
    for name, label in _OCSP.items():
        yield fault(f"ocsp-{name}", label, None if name == "slow" else unknown, _ocsp(name))


FAULTS: dict[str, CertificateFault] = {fault.name: fault for fault in _faults()}


def make_bad(ca: TestCA, name: str, plan: LeafPlan) -> Issued:
    """Issue the certificate of a plan with one fault.

    Args:
        ca: The authority.
        name: A key of `FAULTS`.
        plan: What a good certificate would say; `TestCA.plans` makes it.

    Raises:
        UserError: there is no such fault, or it makes no sense for the profile.
    """
    fault = FAULTS.get(name)
    if fault is None:
        raise UserError.among("ce n'est pas un défaut", "not a fault", f"{name!r}", FAULTS)
    has_entity = any(
        a.oid == NameOID.ORGANIZATIONAL_UNIT_NAME for rdn in plan.subject.rdns for a in rdn
    )
    has_name = any(isinstance(each, x509.DNSName) for each in plan.alternative_names)
    if (fault.needs_entity and not has_entity) or (fault.needs_name and not has_name):
        raise UserError(
            "ce défaut n'a pas de sens pour le profil",
            "this fault makes no sense for profile",
            where=f"{name!r}",
            then=plan.profile.name,
        )
    return fault.after(ca, ca.issue(fault.plan(ca, plan), fault=name))

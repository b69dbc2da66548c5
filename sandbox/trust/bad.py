"""Bad certificates on demand: one fault each, the rest right. Made when asked for, never stored.

Stored fixtures rot (they expire, their CRL empties); a table of faults does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.checking import CertificateFinding
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.identity import Organisation, luhn_key
from sandbox.trust.issuing import Issued, LeafPlan, resign
from sandbox.trust.keys import KeyKind
from sandbox.trust.profiles import Marker

__all__ = ["FAULTS", "CertificateFault", "make_bad"]


@dataclass(frozen=True, kw_only=True)
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


def _ocsp(fault: str) -> Callable[[TestCA, LeafPlan], LeafPlan]:
    def change(ca: TestCA, plan: LeafPlan) -> LeafPlan:
        return replace(plan, ocsp_url=ca.urls.responder(fault))

    return change


def _stale_crl(ca: TestCA, plan: LeafPlan) -> LeafPlan:
    return replace(plan, crl_url=ca.urls.crl(plan.issuer, "stale"))


_UNKNOWN = CertificateFinding.REVOCATION_UNKNOWN

FAULTS: dict[str, CertificateFault] = {
    fault.name: fault
    for fault in (
        CertificateFault(
            name="expired",
            label="expiré hier / expired yesterday",
            finding=CertificateFinding.EXPIRED,
            plan=_dates(-366, -1),
        ),
        CertificateFault(
            name="not-yet-valid",
            label="valable demain / valid from tomorrow",
            finding=CertificateFinding.NOT_YET_VALID,
            plan=_dates(1, 366),
        ),
        CertificateFault(
            name="revoked",
            label="révoqué, clé compromise / revoked, key compromised",
            finding=CertificateFinding.REVOKED,
            after=_revoked,
        ),
        CertificateFault(
            name="wrong-hierarchy",
            label="signé par une autre autorité de l'IGC / signed by another IGC authority",
            finding=CertificateFinding.WRONG_HIERARCHY,
            plan=_other_hierarchy,
        ),
        CertificateFault(
            name="impostor",
            label="mêmes noms, autres clés d'autorité / same names, other authority keys",
            finding=CertificateFinding.UNTRUSTED,
            after=_impostor,
        ),
        CertificateFault(
            name="broken-chain",
            label="mauvais intermédiaire présenté / the wrong intermediate is presented",
            finding=CertificateFinding.UNTRUSTED,
            after=_without_intermediate,
        ),
        CertificateFault(
            name="wrong-usage",
            label="usages d'un autre profil / usages of another profile",
            finding=CertificateFinding.WRONG_USAGE,
            plan=_other_usage,
        ),
        CertificateFault(
            name="unknown-entity",
            label="FINESS inconnu de l'annuaire / FINESS unknown to the directory",
            finding=CertificateFinding.UNKNOWN_ENTITY,
            plan=_unit(_unassigned),
            needs_entity=True,
        ),
        CertificateFault(
            name="wrong-entity",
            label="identifiant d'une autre structure / identifier of another structure",
            finding=CertificateFinding.WRONG_ENTITY,
            plan=_unit(_neighbour),
            needs_entity=True,
        ),
        CertificateFault(
            name="wrong-name",
            label="autre nom d'hôte / another host name",
            finding=CertificateFinding.WRONG_NAME,
            plan=_other_name,
            needs_name=True,
        ),
        CertificateFault(
            name="wrong-environment",
            label="marqueur de l'autre environnement / marker of the other environment",
            finding=CertificateFinding.WRONG_ENVIRONMENT,
            plan=_other_environment,
        ),
        CertificateFault(
            name="weak-key",
            label="RSA 1024 bits",
            finding=CertificateFinding.WEAK_KEY,
            plan=lambda _ca, plan: replace(
                plan, key_kind=KeyKind.RSA_1024, usages=plan.profile.usages
            ),
        ),
        CertificateFault(
            name="stale-crl",
            label="sa CRL est périmée / its CRL is past nextUpdate",
            finding=_UNKNOWN,
            plan=_stale_crl,
        ),
        CertificateFault(
            name="ocsp-unsigned",
            label="OCSP non signé / OCSP not signed",
            finding=_UNKNOWN,
            plan=_ocsp("unsigned"),
        ),
        CertificateFault(
            name="ocsp-wrong-signer",
            label="OCSP signé sans le droit / OCSP signed without the right",
            finding=_UNKNOWN,
            plan=_ocsp("wrong-signer"),
        ),
        CertificateFault(
            name="ocsp-wrong-certid",
            label="OCSP pour un autre certificat / OCSP about another certificate",
            finding=_UNKNOWN,
            plan=_ocsp("wrong-certid"),
        ),
        CertificateFault(
            name="ocsp-wrong-nonce",
            label="OCSP avec un autre nonce / OCSP with another nonce",
            finding=_UNKNOWN,
            plan=_ocsp("wrong-nonce"),
        ),
        CertificateFault(
            name="ocsp-stale",
            label="OCSP périmé / OCSP past nextUpdate",
            finding=_UNKNOWN,
            plan=_ocsp("stale"),
        ),
        CertificateFault(
            name="ocsp-not-yet",
            label="OCSP daté de demain / OCSP dated tomorrow",
            finding=_UNKNOWN,
            plan=_ocsp("not-yet"),
        ),
        CertificateFault(
            name="ocsp-unknown",
            label="OCSP : certificat inconnu / OCSP: certificate unknown",
            finding=_UNKNOWN,
            plan=_ocsp("unknown"),
        ),
        CertificateFault(
            name="ocsp-try-later",
            label="OCSP : tryLater",
            finding=_UNKNOWN,
            plan=_ocsp("try-later"),
        ),
        CertificateFault(
            name="ocsp-garbage",
            label="OCSP illisible / OCSP unreadable",
            finding=_UNKNOWN,
            plan=_ocsp("garbage"),
        ),
        CertificateFault(
            name="ocsp-unreachable",
            label="OCSP injoignable / OCSP unreachable",
            finding=_UNKNOWN,
            plan=_ocsp("unreachable"),
        ),
        CertificateFault(
            name="ocsp-slow",
            label="OCSP lent / OCSP slow",
            finding=None,
            plan=_ocsp("slow"),
        ),
    )
}


def make_bad(ca: TestCA, name: str, plan: LeafPlan, *, other: Organisation | None = None) -> Issued:
    """Issue the certificate of a plan with one fault.

    Args:
        ca: The authority.
        name: A key of `FAULTS`.
        plan: What a good certificate would say; `TestCA.plans` makes it.
        other: For `wrong-entity`, the organisation to name instead; by default one that has the
            next number, which no directory need know.
        other: For `wrong-entity`, the organisation to name instead; by default one that has the
            next number, which no directory need know.

    Raises:
        UserError: there is no such fault, or it makes no sense for the profile.
    """
    fault = FAULTS.get(name)
    if fault is None:
        raise UserError(
            "ce n'est pas un défaut ; choisir parmi",
            "not a fault; choose among",
            where=f"{name!r}",
            then=", ".join(FAULTS),
        )
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
    changed = fault.plan(ca, plan)
    if other is not None and name == "wrong-entity":
        changed = _unit(lambda _unit_text: other.unit)(ca, plan)
    return fault.after(ca, ca.issue(changed, fault=name))

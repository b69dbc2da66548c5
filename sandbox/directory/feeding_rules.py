"""The rules of feeding, as a table, and the refusal that names one of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LONGEST_TEXT", "RULES", "FeedingRule", "RefusalError"]

LONGEST_TEXT = 500


@dataclass(frozen=True)
class FeedingRule:
    """A rule of feeding.

    Attributes:
        id: Its name in answers and tests.
        text: What it asks, in French, then in English.
        source: Where it comes from.
    """

    id: str
    text: str
    source: str


_RULES = (
    FeedingRule(
        "address-unique",
        "Une adresse appartient à une seule BAL. / An address belongs to one mailbox.",
        "domain.md §3.2 (unique key inside its bearer), made unique in the directory",
    ),
    FeedingRule(
        "address-immutable",
        "Une adresse ne se modifie pas. / An address does not change.",
        "domain.md §3.2",
    ),
    FeedingRule(
        "type-immutable",
        "Le type d'une BAL ne se modifie pas. / The type of a mailbox does not change.",
        "domain.md §3.2",
    ),
    FeedingRule(
        "person-for-per-cab",
        "Une BAL PER ou CAB est rattachée à un professionnel connu par son RPPS. / "
        "A PER or CAB mailbox hangs on a professional known by an RPPS.",
        "domain.md §3.2; staff registered by a structure may hold PER (§1.7)",
    ),
    FeedingRule(
        "structure-for-org-app",
        "Une BAL ORG ou APP est rattachée à un FINESS existant, géographique ou juridique. / "
        "An ORG or APP mailbox hangs on an existing FINESS, geographical or juridical.",
        "domain.md §3.2",
    ),
    FeedingRule(
        "address-form",
        "L'adresse est en minuscules, dans un domaine connu. / "
        "The address is lower case, in a known domain.",
        "this sandbox",
    ),
    FeedingRule(
        "address-reserved",
        "Cette adresse est celle de l'opérateur, pas d'une personne. / "
        "This address is the operator's, not a person's.",
        "RFC 5321 §4.5.1; RFC 2142 §5; mailer-daemon signs notifications; controle, ours",
    ),
    FeedingRule(
        "domain-in-force",
        "Le domaine est en vigueur ; son retrait supprime ses BAL. / "
        "The domain is in force; its withdrawal removes its mailboxes.",
        "domain.md §2.2",
    ),
    FeedingRule(
        "own-domain",
        "Un opérateur n'alimente que ses domaines. / An operator feeds its own domains only.",
        "this sandbox",
    ),
    FeedingRule(
        "rank-positive",
        "Le rang est un entier positif, 1 est préféré. / The rank is positive, 1 is preferred.",
        "domain.md §3.2",
    ),
    FeedingRule(
        "text-length",
        f"Un texte a {LONGEST_TEXT} caractères au plus. / "
        f"A text has {LONGEST_TEXT} characters at most.",
        "this sandbox",
    ),
    FeedingRule("mailbox-exists", "La BAL existe. / The mailbox exists.", "domain.md §3.2"),
    FeedingRule("bearer-exists", "Le porteur existe. / The bearer exists.", "domain.md §3.2"),
)
RULES = {rule.id: rule for rule in _RULES}


class RefusalError(ValueError):
    """A change that a rule forbids: the feeder's fault.

    Attributes:
        rule: The rule.
    """

    def __init__(self, rule: str, detail: str) -> None:
        self.rule = RULES[rule]
        super().__init__(f"{detail}. {self.rule.text}")

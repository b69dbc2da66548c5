"""Who plays in a live space: a small directory, and for each operator the accounts to log in with.

Deterministic from the seed. The person on the card is the person in the directory, behind the
telephone at Pro Santé Connect, and in the mailbox.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.directory import (
    BoxState,
    BoxType,
    Directory,
    DomainShare,
    Feeder,
    Mailbox,
    Person,
    PopulationSpec,
    RefusalError,
)
from sandbox.directory.build import search_file
from sandbox.directory.model import Bearer
from sandbox.live.plan import OperatorPlan, SpacePlan
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["SMALL", "CastAccount", "CastSize", "Holder", "add_account", "cast_of", "open_directory"]

ADDED = "Compte ajouté / added account"  # describes what `add_account` made
PERSON_METHODS = (Method.CPS, Method.TOTP, Method.ECPS)
SMS_METHODS = (Method.CPS, Method.TOTP, Method.SMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CastSize:
    """How many play at each operator.

    Attributes:
        people: with a personal account, 4 or more.
        by_sms: of these, the last ones: they answer by the link of an SMS, the others by e-CPS.
    """

    people: int = 4
    by_sms: int = 1

    @property
    def listed(self) -> int:
        """People in the directory: some have no RPPS, hence no card, some no mailbox there."""
        return max(14, 2 * self.people)

    @property
    def mailboxes(self) -> int:
        """Mailboxes in the directory, of all types."""
        return max(20, 3 * self.people)


SMALL = CastSize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One who logs in to a mailbox, with what he proves it by.

    Attributes:
        username: login name: the mailbox, with its holder where there are several.
        identity: national identifier, or OU of the legal person.
        name: as shown.
        methods: that he can use.
        phone: for SMS; empty for an application.
        password: first factor of TOTP and CIBA; empty for an application.
        totp: base32 secret (RFC 6238); empty for an application.
        certificate: folder of his card or certificate, under the folder of certificates.
    """

    username: str
    identity: str
    name: str
    methods: tuple[Method, ...]
    phone: str = ""
    password: str = ""
    totp: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CastAccount:
    """A mailbox of the cast: address, type, operator, and its holders (one, or more for ORG)."""

    address: str
    type: BoxType
    operator: str
    holders: tuple[Holder, ...]


def open_directory(
    path: Path, plan: SpacePlan, seed: int, size: CastSize = CastSize()
) -> Directory:
    """Open the directory of a space; build it, with what the cast needs, when it is absent.

    Raises:
        UserError: the file is no directory.
    """
    if not path.exists():
        # Built aside, so that a process killed meanwhile leaves no half directory.
        aside = path.with_name(f"{path.name}.building")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        _build(aside / path.name, plan, seed, size)
        search_file(aside / path.name).replace(search_file(path))
        (aside / path.name).replace(path)
        aside.rmdir()
    return Directory(path)


def _build(path: Path, plan: SpacePlan, seed: int, size: CastSize) -> None:
    """Build a directory, and feed it with what the population lacks for the cast."""
    operators = len(plan.operators)
    spec = PopulationSpec(
        seed=seed,
        people=size.listed * operators,
        mailboxes=size.mailboxes * operators,
        suffix=plan.suffix,
        domains=tuple(DomainShare(each.domain, operator=each.label) for each in plan.operators),
        red_list=0,
    )
    with Directory.build(spec, path) as directory:
        feeder = Feeder(directory, actor="cast")
        for operator in plan.operators:
            shared = _boxes(directory, operator, BoxType.ORG)[0]
            feeder.name_holders(shared.address, _people(directory, operator, 2))
            if not _boxes(directory, operator, BoxType.APP):
                state = BoxState(address=f"app-lgc@{operator.domain}", type=BoxType.APP.value)
                feeder.insert(Bearer.of(shared), state)


def cast_of(
    directory: Directory, plan: SpacePlan, seed: int, size: CastSize = CastSize()
) -> tuple[CastAccount, ...]:
    """Return the accounts of a space, operator after operator: PER, ORG, APP.

    Raises:
        UserError: the directory has not what a cast takes.
    """
    found: list[CastAccount] = []
    domains = {each.name: each for each in directory.domains()}
    for operator in plan.operators:
        if domains[operator.domain].removed:
            continue
        people = _people(directory, operator, size.people)
        for number, person in enumerate(people):
            methods = PERSON_METHODS if number < size.people - size.by_sms else SMS_METHODS
            holder = _holder(person, person.mail, methods, operator.label, seed)
            found.append(
                CastAccount(
                    address=person.mail, type=BoxType.PER, operator=operator.label,
                    holders=(holder,),
                )
            )  # fmt: skip
        for shared in _boxes(directory, operator, BoxType.ORG)[:1]:
            holders = tuple(
                _holder(each, shared.address, PERSON_METHODS, operator.label, seed)
                for each in directory.holders(shared.address)
            )
            found.append(
                CastAccount(
                    address=shared.address, type=BoxType.ORG, operator=operator.label,
                    holders=holders,
                )
            )  # fmt: skip
        found += [
            _application(box, operator.label)
            for box in _boxes(directory, operator, BoxType.APP)[:1]
        ]  # fmt: skip
    # Further mailboxes may be in domains that were opened later; their cards are of where their
    # people are listed.
    labels = {each.domain: each.label for each in plan.operators}
    found += [
        _added(box.person, box.address, label, seed)
        for box in directory.mailboxes("m.description = ?", (ADDED,), order="m.id")
        if box.person is not None
        and (label := _listed_by(directory, box.person, labels)) is not None
    ]
    # A domain may have moved: who serves it is the directory's to say.
    return tuple(
        replace(each, operator=domains[each.address.rpartition("@")[2]].operator) for each in found
    )


def add_account(
    directory: Directory, operator: OperatorPlan, address: str, seed: int,
    size: CastSize = CastSize(),
) -> CastAccount:  # fmt: skip
    """Give a person of the directory who has no account a further mailbox; it is kept there.

    Raises:
        UserError: the address cannot be, or everybody has an account.
    """
    taken = {person.id for person in _people(directory, operator, size.people)}
    boxes = _boxes(directory, operator, BoxType.PER)
    added = directory.mailboxes("m.description = ?", (ADDED,), order="m.id")
    taken |= {box.person.id for box in added if box.person}
    free = [
        box.person
        for box in boxes
        if box.person is not None and box.person.rpps and box.person.id not in taken
    ]
    if not free:
        raise UserError(
            "chacun y a déjà un compte ; prendre un autre domaine",
            "everybody in the directory has an account already; take another domain",
            where=operator.domain,
        )
    state = BoxState(address=address, type=BoxType.PER.value, description=ADDED)
    try:
        Feeder(directory, actor="control").insert(Bearer("Practitioner", free[0].id), state)
    except RefusalError as error:
        raise UserError.because(
            "refusée par l'annuaire", "refused by the directory", address, error
        ) from None
    return _added(free[0], address, operator.label, seed)


def _added(person: Person, address: str, operator: str, seed: int) -> CastAccount:
    holder = _holder(person, address, PERSON_METHODS, operator, seed)
    return CastAccount(
        address=address, type=BoxType.PER, operator=operator,
        holders=(replace(holder, username=address),),
    )  # fmt: skip


def _listed_by(directory: Directory, person: Person, labels: Mapping[str, str]) -> str | None:
    """Return the operator in whose own domain a person has a mailbox, `labels` by domain."""
    owned = (each.address.rpartition("@")[2] for each in directory.mailboxes_of(person))
    return next((labels[domain] for domain in owned if domain in labels), None)


def _boxes(directory: Directory, operator: OperatorPlan, kind: BoxType) -> list[Mailbox]:
    """Return the mailboxes of a type at an operator whose bearer a certificate can name."""
    boxes = directory.mailboxes("d.name = ?", (operator.domain,), order="m.id")
    return [
        box
        for box in boxes
        if box.type is kind and (box.person is not None or (box.structure and box.structure.finess))
    ]


def _people(directory: Directory, operator: OperatorPlan, count: int) -> Sequence[Person]:
    """Return the people of the cast: with an RPPS, so with a CPS, each with his own mailbox."""
    found: dict[int, Person] = {}
    for box in _boxes(directory, operator, BoxType.PER):
        if box.person is not None and box.person.rpps and box.description != ADDED:
            found.setdefault(box.person.id, box.person)
    if len(found) < count:
        raise UserError(
            f"{len(found)} personnes avec RPPS ; il en faut {count}",
            f"{len(found)} people with RPPS; {count} are needed",
            where=operator.domain,
        )
    return list(found.values())[:count]


def _holder(
    person: Person, address: str, methods: tuple[Method, ...], operator: str, seed: int
) -> Holder:
    shared = address != person.mail
    return Holder(
        username=f"{address}*{person.national_id}" if shared else address,
        identity=person.national_id,
        name=f"{person.given_name} {person.surname}",
        methods=methods,
        phone=f"+337{person.id % 10**8:08d}",
        password=_password(_text(seed, "password", address, person.national_id)),
        totp=_text(seed, "totp", address, person.national_id),
        certificate=f"{operator}/people/{person.national_id}",
    )


def _application(box: Mailbox, operator: str) -> CastAccount:
    assert box.structure is not None
    holder = Holder(
        username=box.address,
        identity=box.structure.national_id,
        name=box.structure.name,
        methods=(Method.CERTIFICATE,),
        certificate=f"{operator}/applications/{box.address}",
    )
    return CastAccount(address=box.address, type=box.type, operator=operator, holders=(holder,))


def _password(text: str) -> str:
    """Return a password as operators draw them: five groups of five base32 letters."""
    return "-".join(text[start : start + 5].lower() for start in range(0, 25, 5))


def _text(seed: int, *words: str) -> str:
    """Return 32 base32 characters drawn from the seed and words: test secrets, not secrets."""
    digest = hashlib.blake2b("\x1f".join((str(seed), *words)).encode(), digest_size=20).digest()
    return base64.b32encode(digest).decode()

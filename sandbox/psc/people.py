"""The people who can authenticate: a built-in population, and the hook for a directory."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["BUILT_IN", "ActivityClaims", "BuiltInPeople", "EndUser", "People", "claims"]

# Namespace of the user federation in `sub` = f:<uuid>:<national id> (domain.md 4.3). Invented.
FEDERATION = str(uuid.uuid5(uuid.NAMESPACE_DNS, "psc.mssante.test"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityClaims:
    """One place where a professional works, as the directory lists it."""

    mode: str = "S"  # S = salaried, L = self-employed
    sector: str = "SA07"
    role: str = ""
    organization: str = "CABINET DE TEST"
    organization_id: str = "R10000000000001"
    finess: str = ""
    siret: str = ""
    sign: str = ""
    street_number: str = "1"
    street_kind: str = "R"
    street: str = "DES TESTS"
    postcode: str = "75009"
    town: str = "PARIS"
    department: str = "75"
    phone: str = "0100000000"

    def claims(self) -> dict[str, str]:
        """Return userinfo's member, whole: what is not known is empty, as in ANS's samples."""
        return {
            "codeModeExercice": self.mode,
            "codeSecteurDactivite": self.sector,
            "codeSectionPharmacien": "",
            "codeRole": self.role,
            "codeGenreActivite": "GENR01",
            "numeroSiretSite": self.siret,
            "numeroSirenSite": self.siret[:9],
            "numeroFinessSite": self.finess,
            "numeroFinessetablissementJuridique": "",
            "identifiantTechniqueDeLaStructure": self.organization_id,
            "raisonSocialeSite": self.organization,
            "enseigneCommercialeSite": self.sign,
            "complementDestinataire": "",
            "complementPointGeographique": "",
            "numeroVoie": self.street_number,
            "indiceRepetitionVoie": "",
            "codeTypeDeVoie": self.street_kind,
            "libelleVoie": self.street,
            "mentionDistribution": "",
            "bureauCedex": f"{self.postcode} {self.town}".strip(),
            "codePostal": self.postcode,
            "codeCommune": "",
            "codePays": "",
            "telephone": self.phone,
            "telephone2": "",
            "telecopie": "",
            "adresseEMail": "",
            "codeDepartement": self.department,
            "ancienIdentifiantDeLaStructure": "",
            "autoriteDenregistrement": "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EndUser:
    """A professional, as Pro Santé Connect describes one.

    `national_id` is the login_hint: 8 + RPPS (12 digits), or structure id "/" employee.
    """

    national_id: str
    given_name: str
    family_name: str
    civility: str = "DR"
    profession: str = "10"  # 10 = physician (TRE_G15)
    category: str = "C"  # C = civil
    skill: str = "SM54"  # TRE_R38, general medicine
    activities: tuple[ActivityClaims, ...] = (ActivityClaims(),)
    phone_number: str = "+33700000000"
    user_code: str | None = None
    enabled: bool = True
    # Refused by policy before any prompt (R13).
    blocked: bool = False

    @property
    def subject(self) -> str:
        """The `sub` claim."""
        return f"f:{FEDERATION}:{self.national_id}"


class People(Protocol):
    """Where people come from. A directory implements these two methods."""

    def find(self, national_id: str) -> EndUser | None:
        """Return a person, enabled or not, or None."""
        ...

    def __iter__(self) -> Iterator[EndUser]:
        """Yield the people to show on the phones page (the page asks for the first 500)."""
        ...


class BuiltInPeople:
    """A population in memory."""

    def __init__(self, people: Iterable[EndUser] = ()) -> None:
        self._people = {person.national_id: person for person in people}

    def find(self, national_id: str) -> EndUser | None:
        """Return a person, or None."""
        return self._people.get(national_id)

    def __iter__(self) -> Iterator[EndUser]:
        return iter(self._people.values())


# Fictitious: the range 8997... is the ANS's own for test identities.
BUILT_IN: tuple[EndUser, ...] = (
    EndUser(
        national_id="899700000018",
        given_name="CAMILLE",
        family_name="TESTMEDECIN",
        phone_number="+33700000018",
    ),
    EndUser(
        national_id="899700000026",
        given_name="DOMINIQUE",
        family_name="TESTPHARMACIEN",
        civility="M",
        profession="21",
        skill="",
        activities=(
            ActivityClaims(mode="L", sector="SA33", organization="PHARMACIE DE TEST"),
            ActivityClaims(sector="SA01", organization="HOPITAL DE TEST", finess="500000001"),
        ),
        phone_number="+33700000026",
        user_code="2468",
    ),
    EndUser(
        national_id="899700000034",
        given_name="CLAUDE",
        family_name="TESTINFIRMIER",
        civility="MME",
        profession="60",
        skill="",
        activities=(ActivityClaims(mode="L"),),
        phone_number="+33700000034",
    ),
    EndUser(
        national_id="500000001815646/CPAT00045",
        given_name="ALEX",
        family_name="TESTSECRETAIRE",
        civility="M",
        profession="",
        skill="",
        activities=(
            ActivityClaims(
                role="SECR", sector="SA01", organization="HOPITAL DE TEST", finess="500000001"
            ),
        ),
        phone_number="+33700000045",
    ),
    EndUser(
        national_id="899700000042",
        given_name="MORGAN",
        family_name="TESTDESACTIVE",
        phone_number="+33700000042",
        enabled=False,
    ),
    EndUser(
        national_id="899700000059",
        given_name="SACHA",
        family_name="TESTREFUSE",
        phone_number="+33700000059",
        blocked=True,
    ),
)


def claims(person: EndUser) -> dict[str, Any]:
    """Return PSC's userinfo members for a person (scope_all; names from domain.md 4.3)."""
    main = person.activities[0] if person.activities else ActivityClaims(sector="", organization="")
    exercise = {
        "codeProfession": person.profession,
        "codeCategorieProfessionnelle": person.category,
        "codeCiviliteDexercice": person.civility,
        "nomDexercice": person.family_name,
        "prenomDexercice": person.given_name,
        "codeTypeSavoirFaire": "S" if person.skill else "",
        "codeSavoirFaire": person.skill,
        "activities": [each.claims() for each in person.activities],
    }
    role = f"{person.profession or main.role}^1.2.250.1.213.1.1.5.5"
    return {
        "sub": person.subject,
        "preferred_username": person.national_id,
        "SubjectNameID": person.national_id,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "name": f"{person.given_name} {person.family_name}",
        "codeCivilite": person.civility,
        "SubjectRole": [role],
        "SubjectOrganization": main.organization,
        "SubjectOrganizationID": main.organization_id,
        "Secteur_Activite": f"{main.sector}^1.2.250.1.71.4.2.4",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "FAUX",
        "UITVersion": "1.0",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "otherIds": [{"identifiant": person.national_id, "origine": "RPPS", "qualite": 1}],
        "SubjectRefPro": {"codeCivilite": person.civility, "exercices": [exercise]},
        "email_verified": False,
    }

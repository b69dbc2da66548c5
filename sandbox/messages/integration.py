"""What an application does with a document: files it, or says by which code it cannot.

The codes and their order are those of ANS (volet "transmission d'un document CDA par courriel
MSS"): 900 to 906. What an application knows is a `ApplicationRecord`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.messages.cda import CdaHeader
from sandbox.messages.ins import InsSystem, PatientIdentity, is_matricule, qualified

__all__ = ["ApplicationRecord", "code_for"]


@dataclass(slots=True)
class ApplicationRecord:
    """What an application knows.

    Attributes:
        patients: identity by matricule.
        documents: version and organisation of each document that is filed, by set.
    """

    patients: Mapping[str, PatientIdentity]
    documents: dict[str, tuple[int, str]] = field(default_factory=dict)

    def file(self, header: CdaHeader) -> None:
        """File a document."""
        self.documents[header.set_id] = (header.version, header.organisation)


def code_for(header: CdaHeader, register: ApplicationRecord) -> str:
    """Return the code for which a document cannot be filed, empty where it can."""
    identity = header.identity
    if not is_matricule(identity.matricule):
        return "903"
    if not qualified(replace(identity, system=InsSystem.NIR)):
        return "905"
    known = register.patients.get(identity.matricule)
    if known is None:
        return "902"
    if replace(identity, system=known.system) != known:
        return "904"
    before = register.documents.get(header.set_id)
    if before is not None:
        version, organisation = before
        if header.organisation != organisation:
            return "901"
        if header.version != version + 1:
            return "900"
    return ""

"""How software sends a health document: the rules of `sandbox.messages`, by requirement."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.conformance.client.checks.message import parsed
from sandbox.conformance.client.look import Look, check
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import NotMet, Unsure
from sandbox.messages.check import check_message
from sandbox.messages.rules import MessageRule, rules

__all__: list[str] = []

ARCHIVE = "IHE_XDM.ZIP"
_EDITED = (SoftwareProfile.LPS, SoftwareProfile.ROBOT)
# Requirement -> which rules it stands for; the first takes what the others leave of an archive.
_OWN = {
    "client-ins": ("metadata-patient", "ins-key", "ins-traits"),
    "client-subject": ("mail-subject",),
    "client-pdf": ("mail-copy", "mail-copy-pdfa", "mail-copy-name", "mail-copy-differs"),
    "client-code-cda": ("header-codecda",),
    "client-header-ins": ("header-ins",),
}
_SUBJECTS = ("xml", "zip", "metadata", "cda", "cda-header")


def _of_archive(rule: MessageRule) -> bool:
    owned = {each for ids in _OWN.values() for each in ids}
    return rule.id.startswith("mail-archive") or (
        rule.subject in _SUBJECTS and rule.severity == "error" and rule.id not in owned
    )


def _among(ids: tuple[str, ...]) -> Callable[[MessageRule], bool]:
    return lambda rule: rule.id in ids


def _held(id_: str, wanted: Callable[[MessageRule], bool]) -> Callable[[Look], None]:
    """Return the check that a document's message keeps some rules."""

    def run(look: Look) -> None:
        _, sent = look.sent("document")
        names = [str(part.get_filename() or "") for part in parsed(sent).walk()]
        look.transcript.note("#", f"{', '.join(filter(None, names)) or '–'}")
        if ARCHIVE not in [each.upper() for each in names]:
            told = ("pas de pièce IHE_XDM.ZIP", "no attachment IHE_XDM.ZIP")
            raise NotMet(*told) if id_ == "client-xdm" else Unsure(*told)
        for each in check_message(sent.content).findings:
            if wanted(each.rule):
                look.transcript.note("#", f"{each.where}: {each.seen}")
                rule = each.rule
                raise NotMet(
                    f"{rule.french} {rule.remedy_french} ({each.where})",
                    f"{rule.english} {rule.remedy_english} ({each.where})",
                )

    return run


check("client-xdm", "document", profiles=_EDITED)(_held("client-xdm", _of_archive))
for _id, _ids in _OWN.items():
    assert set(_ids) <= set(rules()), _id
    check(_id, "document", profiles=_EDITED)(_held(_id, _among(_ids)))

"""The health directory (annuaire santé): one fictitious population, seen three ways.

It knows people, structures, domains and mailboxes (BAL): who they are, where they are published,
under which rules operators feed them. `population` makes them, as integers, from a seed; `build`
writes them to one SQLite file; `Directory` opens it. LDAP, the extractions and FHIR v2 read the
same rows through the same condition (`views`), so they agree at every instant, unless a lag is set
on purpose. `feeding` is the only door through which mailboxes change.
It never contacts anything, never holds a real person, never keeps a mailbox's messages. It imports
trust only where a person becomes the holder of a card (`identities`, `cli_card`) and where the
command line makes a certificate to serve with;
Pro Santé Connect, operators, live and the console may import it.
"""

from sandbox.directory.directory import Directory
from sandbox.directory.feeding import Feeder
from sandbox.directory.feeding_rules import RULES, RefusalError
from sandbox.directory.fhir import FhirOptions
from sandbox.directory.ldap import LdapLimits
from sandbox.directory.model import (
    Activity,
    Bearer,
    BoxState,
    BoxType,
    Domain,
    Mailbox,
    Person,
    Structure,
)
from sandbox.directory.population import NATIONAL, DomainShare, PopulationSpec
from sandbox.directory.server import DirectoryServer, ServerOptions
from sandbox.directory.views import Lag, ViewLags

__all__ = [
    "NATIONAL",
    "RULES",
    "Activity",
    "Bearer",
    "BoxState",
    "BoxType",
    "Directory",
    "DirectoryServer",
    "Domain",
    "DomainShare",
    "Feeder",
    "FhirOptions",
    "Lag",
    "LdapLimits",
    "Mailbox",
    "Person",
    "PopulationSpec",
    "RefusalError",
    "ServerOptions",
    "Structure",
    "ViewLags",
]

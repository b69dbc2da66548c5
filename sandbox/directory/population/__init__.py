"""A fictitious population as columns: structures, people, domains, mailboxes.

Arrays of integers in, arrays out; text appears only when the store writes it. Every draw comes from
`sandbox.directory.draws`, so one seed gives one population on every machine.
"""

from sandbox.directory.population.domains import Domains, make_domains
from sandbox.directory.population.mailboxes import Activities, DrawnMailboxes, make_mailboxes
from sandbox.directory.population.people import DrawnPeople, make_people
from sandbox.directory.population.spec import NATIONAL, DomainShare, PopulationSpec
from sandbox.directory.population.structures import Structures, make_structures

__all__ = [
    "NATIONAL",
    "Activities",
    "DomainShare",
    "Domains",
    "DrawnMailboxes",
    "DrawnPeople",
    "PopulationSpec",
    "Structures",
    "make_domains",
    "make_mailboxes",
    "make_people",
    "make_structures",
]

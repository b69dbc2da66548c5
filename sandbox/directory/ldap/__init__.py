"""The LDAP view: entries, filters, protocol, sockets, and the real OpenLDAP beside them.

`schema` and `entries` say what is published; `filters` turns a filter into an indexed query and
checks each candidate exactly; `session` speaks RFC 4511 on bytes; `server` owns the sockets;
`slapd` runs OpenLDAP with the same entries.
"""

from sandbox.directory.ldap.entries import (
    BASE_DN,
    Entry,
    mailbox_entry,
    structure_entry,
    write_ldif,
)
from sandbox.directory.ldap.server import LdapServer
from sandbox.directory.ldap.session import LdapLimits, LdapSession

__all__ = [
    "BASE_DN",
    "Entry",
    "LdapLimits",
    "LdapServer",
    "LdapSession",
    "mailbox_entry",
    "structure_entry",
    "write_ldif",
]

"""What a person looks up: an address, a number, a name, or a filter of LDAP."""

from __future__ import annotations

import sansldap

from sandbox.directory.directory import Directory
from sandbox.directory.ldap import BASE_DN
from sandbox.directory.ldap.backend import SUBTREE, EntryPage, SearchBackend
from sandbox.directory.ldap.filters import read
from sandbox.space.errors import UserError

__all__ = ["look_up"]


def look_up(directory: Directory, query: str, limit: int, *, as_filter: bool = False) -> EntryPage:
    """Find mailboxes and structures as LDAP shows them.

    Args:
        directory: where.
        query: an address, an RPPS, a FINESS, a name, or an LDAP filter.
        limit: most answers.
        as_filter: whether it is a filter.

    Raises:
        UserError: it is not the filter that it should be.
    """
    try:
        wanted = read(sansldap.LDAPFilter.from_string(query if as_filter else _filter_of(query)))
    except (ValueError, RecursionError) as error:
        raise UserError.because(
            "ce n'est pas un filtre LDAP", "not an LDAP filter", f"{query[:80]!r}", error
        ) from error
    return SearchBackend(directory).search(BASE_DN, SUBTREE, wanted, limit)


def _filter_of(query: str) -> str:
    escaped = "".join(f"\\{ord(c):02x}" if c in "\\*()\0" else c for c in query)
    if "@" in query:
        return f"(mail={escaped})"
    if query.isdigit():
        return (
            f"(|(mssRpps={escaped})(mssIdNatPP={escaped})(mssFiness={escaped})"
            f"(mssIdNatStruct={escaped})(mssSiret={escaped}))"
        )
    return f"(|(cn=*{escaped}*)(o=*{escaped}*)(mail=*{escaped}*))"

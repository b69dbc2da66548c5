"""Filters: an indexed plan finds exactly what reading every entry finds."""

from __future__ import annotations

import pytest
import sansldap
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.directory import Directory
from sandbox.directory.ldap.attributes import ATTRIBUTES
from sandbox.directory.ldap.backend import BASE, ONE, SUBTREE, SearchBackend
from sandbox.directory.ldap.entries import (
    BASE_DN,
    MAILBOXES_DN,
    STRUCTURES_DN,
    Entry,
    containers,
    mailbox_entry,
    structure_entry,
)
from sandbox.directory.ldap.filters import Filter, FilterTooLargeError, matches, read
from sandbox.directory.ldap.plans import plan_mailboxes
from sandbox.directory.rows import STRUCTURE_SELECT, structure_of


@pytest.fixture(scope="module")
def entries(directory: Directory) -> list[Entry]:
    """Every entry, the slow way."""
    rows = directory.connection().execute(f"{STRUCTURE_SELECT} ORDER BY s.id").fetchall()
    return [
        *containers(),
        *(structure_entry(structure_of(row)) for row in rows),
        *(mailbox_entry(box) for box in directory.published("ldap")),
    ]


def parse(text: str) -> Filter:
    return read(sansldap.LDAPFilter.from_string(text))


def found(directory: Directory, wanted: Filter) -> list[str]:
    page = SearchBackend(directory).search(BASE_DN, SUBTREE, wanted, 100_000)
    assert not page.exceeded
    return sorted(entry.dn for entry in page.entries)


def expected(entries: list[Entry], wanted: Filter) -> list[str]:
    return sorted(entry.dn for entry in entries if matches(wanted, entry))


NAMES = [attribute.name for attribute in ATTRIBUTES]


@pytest.mark.parametrize("attribute", NAMES)
@pytest.mark.parametrize("form", ["equal", "prefix", "contains", "suffix", "upper", "not"])
def test_each_attribute_is_found_by_plan_as_by_reading_all(
    directory: Directory, entries: list[Entry], attribute: str, form: str
) -> None:
    values = {v for e in entries for name, vs in e.attributes if name == attribute for v in vs}
    for value in sorted(values)[:: max(1, len(values) // 4)]:
        name = attribute.encode()
        half = len(value) // 2
        wanted: sansldap.LDAPFilter = sansldap.FilterEquality(attribute, value.encode())
        if form == "prefix":
            wanted = sansldap.FilterSubstrings(attribute, value[: half + 1].encode(), [], None)
        elif form == "contains":
            wanted = sansldap.FilterSubstrings(attribute, None, [value[half - 2 :].encode()], None)
        elif form == "suffix":
            wanted = sansldap.FilterSubstrings(attribute, None, [], value[half:].encode())
        elif form == "upper":
            wanted = sansldap.FilterEquality(name.decode().upper(), value.upper().encode())
        elif form == "not":
            wanted = sansldap.FilterNot(wanted)
        ours = read(wanted)
        assert found(directory, ours) == expected(entries, ours), wanted


PIECES = st.sampled_from(
    "mar dup é - . @ ch-a mss 75 1 8997 médecin Martin a e test rou jean @ch x".split()  # noqa: SIM905
)
LEAVES = st.one_of(
    st.builds(sansldap.FilterEquality, st.sampled_from([*NAMES, "x"]), PIECES.map(str.encode)),
    st.builds(
        sansldap.FilterSubstrings,
        st.sampled_from([*NAMES, "unknown"]),
        st.none() | PIECES.map(str.encode),
        st.lists(PIECES.map(str.encode), max_size=2),
        st.none() | PIECES.map(str.encode),
    ).filter(lambda f: f.initial or f.any or f.final),
    st.builds(sansldap.FilterPresent, st.sampled_from([*NAMES, "none"])),
    st.sampled_from(
        [
            sansldap.FilterEquality("mssTypeBal", b"ORG"),
            sansldap.FilterEquality("mssProfession", b"10"),
            sansldap.FilterEquality("mssDepartement", b"75"),
            sansldap.FilterGreaterOrEqual("cn", b"a"),
            sansldap.FilterApproxMatch("sn", b"martin"),
        ]
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(sansldap.FilterAnd, st.lists(inner, max_size=3)),
        st.builds(sansldap.FilterOr, st.lists(inner, max_size=3)),
        st.builds(sansldap.FilterNot, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(wanted=FILTERS)
def test_any_filter_is_found_by_plan_as_by_reading_all(
    directory: Directory, entries: list[Entry], wanted: sansldap.LDAPFilter
) -> None:
    ours = read(wanted)
    assert found(directory, ours) == expected(entries, ours)


@pytest.mark.parametrize(
    "text",
    [
        "(mail=jean.dupont@medecin.mssante.test)",
        "(mail=jean.*)",
        "(mail=*dupo*)",
        "(sn=martin)",
        "(cn=jean*)",
        "(|(cn=*dup*)(mail=*dup*)(sn=*dup*)(givenName=*dup*))",
        "(mssRpps=99700000000)",
        "(mssFiness=750100018)",
        "(mssProfession=10)",
        "(mssDepartement=75)",
        "(&(objectClass=inetOrgPerson)(mssProfession=50)(mssDepartement=48))",
        "(title=Sage-Femme)",
        "(mssDomaine=ch-a.mssante.test)",
    ],
)
def test_an_index_answers_what_clients_ask(directory: Directory, text: str) -> None:
    where, values = plan_mailboxes(parse(text)).where
    steps = directory.connection().execute(
        f"EXPLAIN QUERY PLAN SELECT m.id FROM mailbox m LEFT JOIN person p ON p.id = m.person"
        f" LEFT JOIN structure s ON s.id = m.structure WHERE {where}",
        values,
    )
    details = [step[3] for step in steps.fetchall()]
    # The index of words is read through its own table; domains are a few thousand names.
    allowed = ("SCAN words.search VIRTUAL TABLE INDEX", "SCAN search VIRTUAL", "SCAN domain")
    assert [d for d in details if d.startswith("SCAN") and not d.startswith(allowed)] == []


def test_a_search_that_no_index_serves_stops_after_a_bounded_number(directory: Directory) -> None:
    backend = SearchBackend(directory, examine=50)
    page = backend.search(MAILBOXES_DN, SUBTREE, parse("(description=nothing like this)"), 10)
    assert page.gave_up


def test_a_paged_search_that_no_index_serves_goes_on_page_after_page(directory: Directory) -> None:
    backend = SearchBackend(directory, examine=50)
    wanted = parse("(mssDematerialisation=TRUE)")
    place, seen, pages = None, [], 0
    while pages < 100:
        page = backend.search(MAILBOXES_DN, SUBTREE, wanted, 20, start=place, paged=True)
        seen += [entry.dn for entry in page.entries]
        pages += 1
        place = page.next
        if place is None:
            break
    everything = found(directory, parse("(&(objectClass=mssBal)(mssDematerialisation=TRUE))"))
    assert sorted(seen) == everything
    assert pages > 10


@pytest.mark.parametrize(
    ("base", "scope", "count"),
    [
        (BASE_DN, BASE, 1),
        (BASE_DN, ONE, 2),
        (MAILBOXES_DN, BASE, 1),
        (STRUCTURES_DN, ONE, 150),
        (f"OU=Structures , {BASE_DN.upper()}", ONE, 150),
    ],
)
def test_base_and_scope_choose_the_entries(
    directory: Directory, base: str, scope: int, count: int
) -> None:
    page = SearchBackend(directory).search(base, scope, parse("(objectClass=*)"), 100_000)
    assert len(page.entries) == count


def test_a_mailbox_is_read_by_its_name(directory: Directory) -> None:
    box = next(directory.published("ldap"))
    entry = mailbox_entry(box)
    page = SearchBackend(directory).search(entry.dn, BASE, parse("(objectClass=*)"), 10)
    assert page.entries == [entry]


def test_a_red_listed_mailbox_has_no_name_to_read(directory: Directory) -> None:
    red = next(directory.mailboxes("m.red > 0"))
    assert not SearchBackend(directory).exists(mailbox_entry(red).dn)


def test_accents_count_as_they_do_in_openldap(directory: Directory, entries: list[Entry]) -> None:
    accented = {v for e in entries for n, vs in e.attributes if n == "sn" for v in vs if "è" in v}
    name = sorted(accented)[0]
    assert found(directory, parse(f"(sn={name})"))
    assert all(
        name not in dict(e.attributes).get("sn", ())
        for e in entries
        if e.dn in found(directory, parse(f"(sn={name.replace('è', 'e')})"))
    )


@pytest.mark.parametrize(
    "text", ["(!" * 30 + "(cn=a)" + ")" * 30, "(&" + "(cn=a)" * 300 + ")", f"(cn={'a' * 2000})"]
)
def test_a_filter_that_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(FilterTooLargeError):
        parse(text)

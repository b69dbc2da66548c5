"""The LDAP dialogue on bytes: what each request gets, hostile ones included."""

from __future__ import annotations

import pytest
import sansldap
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.directory import Directory, LdapLimits
from sandbox.directory.ldap import BASE_DN, LdapSession, ber
from sandbox.directory.ldap.backend import SearchBackend
from sandbox.directory.ldap.session import Wish

ANYTHING = sansldap.FilterPresent("objectClass")


def session(directory: Directory, **options: object) -> LdapSession:
    return LdapSession(SearchBackend(directory), LdapLimits(size=10), **options)  # type: ignore[arg-type]


def ask(target: LdapSession, data: bytes) -> list[sansldap.LDAPMessage | Wish]:
    """Send bytes, decode what comes back with a client that is not ours."""
    client = sansldap.LDAPClient()
    answers: list[sansldap.LDAPMessage | Wish] = []
    for answer in target.receive(data):
        if isinstance(answer, Wish):
            answers.append(answer)
        else:
            client.state = sansldap.SessionState.OPENED
            answers += _decode(answer)
    return answers


def _decode(data: bytes) -> list[sansldap.LDAPMessage]:
    from sansldap._messages import PackingOptions, unpack_ldap_message
    from sansldap.asn1 import ASN1Reader

    reader = ASN1Reader(data)
    messages = []
    while reader:
        messages.append(unpack_ldap_message(reader, PackingOptions()))
    return messages


def search(base: str = BASE_DN, wanted: sansldap.LDAPFilter = ANYTHING, **options: object) -> bytes:
    client = sansldap.LDAPClient()
    client.search_request(base, filter=wanted, **options)  # type: ignore[arg-type]
    return client.data_to_send()


def bind(name: str = "", password: str = "") -> bytes:
    client = sansldap.LDAPClient()
    client.bind_simple(name, password)
    return client.data_to_send()


def code(answers: list[sansldap.LDAPMessage | Wish]) -> int:
    last = answers[-1]
    assert not isinstance(last, Wish)
    return int(last.result.result_code)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "password", "result"),
    [("", "", 0), ("cn=admin", "", 53), ("cn=admin", "secret", 49)],
)
def test_only_an_anonymous_bind_succeeds(
    directory: Directory, name: str, password: str, result: int
) -> None:
    assert code(ask(session(directory), bind(name, password))) == result


def test_a_sasl_bind_is_an_unsupported_method(directory: Directory) -> None:
    client = sansldap.LDAPClient()
    client.bind_sasl("PLAIN", None, b"\0a\0b")
    assert code(ask(session(directory), client.data_to_send())) == 7


def test_the_root_dse_names_the_base_and_paging(directory: Directory) -> None:
    [entry, _] = ask(session(directory), search("", scope=0))
    assert isinstance(entry, sansldap.SearchResultEntry)
    values = {attribute.name: attribute.values for attribute in entry.attributes}
    assert values["namingContexts"] == [BASE_DN.encode()]
    assert values["supportedControl"] == [b"1.2.840.113556.1.4.319"]


def test_the_subschema_describes_our_attributes(directory: Directory) -> None:
    [entry, _] = ask(session(directory), search("cn=Subschema", scope=0))
    assert b"mssRpps" in repr(entry).encode()


def test_a_search_beyond_the_size_limit_gives_the_limit_and_says_so(directory: Directory) -> None:
    answers = ask(session(directory), search())
    assert code(answers) == 4
    assert len(answers) == 11


def test_the_clients_own_size_limit_counts_when_smaller(directory: Directory) -> None:
    answers = ask(session(directory), search(size_limit=3))
    assert (len(answers), code(answers)) == (4, 4)


def test_an_unknown_base_is_no_such_object(directory: Directory) -> None:
    assert code(ask(session(directory), search("dc=elsewhere"))) == 32


def test_attributes_that_are_asked_for_are_given_and_no_other(directory: Directory) -> None:
    wanted = sansldap.FilterPresent("mail")
    [entry, _] = ask(session(directory), search(wanted=wanted, size_limit=1, attributes=["CN"]))
    assert isinstance(entry, sansldap.SearchResultEntry)
    assert [attribute.name for attribute in entry.attributes] == ["cn"]


def test_types_only_leaves_values_out(directory: Directory) -> None:
    [entry, _] = ask(session(directory), search(size_limit=1, types_only=True))
    assert isinstance(entry, sansldap.SearchResultEntry)
    assert {len(attribute.values) for attribute in entry.attributes} == {0}


def pages(target: LdapSession, size: int, **options: object) -> list[list[str]]:
    cookie, result = b"", []
    while True:
        control = sansldap.PagedResultControl(critical=False, size=size, cookie=cookie)
        answers = ask(target, search(controls=[control], **options))
        done = answers[-1]
        assert code(answers) == 0
        assert isinstance(done, sansldap.SearchResultDone)
        result.append([a.object_name for a in answers[:-1]])  # type: ignore[union-attr]
        [paging] = done.controls
        assert isinstance(paging, sansldap.PagedResultControl)
        cookie = paging.cookie
        if not cookie:
            return result


def test_pages_give_every_entry_once(directory: Directory) -> None:
    names = [name for page in pages(session(directory), 9) for name in page]
    assert len(names) == len(set(names)) == 3 + 150 + len(list(directory.published("ldap")))


def test_a_page_is_never_larger_than_the_size_limit(directory: Directory) -> None:
    assert max(map(len, pages(session(directory), 1000))) == 10


def test_a_search_driven_by_an_index_is_paged_too(directory: Directory) -> None:
    wanted = sansldap.FilterEquality("mssProfession", b"10")
    names = [name for page in pages(session(directory), 7, wanted=wanted) for name in page]
    living = {
        box.address
        for box in directory.published("ldap")
        if box.person and box.person.profession_code == 10
    }
    assert len(names) == len(living)


@pytest.mark.parametrize("cookie", [b"x", b"\0" * 25, b"\xff" * 25, b"a" * 5000])
def test_a_forged_cookie_is_refused(directory: Directory, cookie: bytes) -> None:
    control = sansldap.PagedResultControl(critical=False, size=5, cookie=cookie)
    assert code(ask(session(directory), search(controls=[control]))) == 53


def test_a_cookie_of_another_search_is_refused(directory: Directory) -> None:
    target = session(directory)
    control = sansldap.PagedResultControl(critical=False, size=5, cookie=b"")
    done = ask(target, search(controls=[control]))[-1]
    [paging] = done.controls  # type: ignore[union-attr]
    again = sansldap.PagedResultControl(critical=False, size=5, cookie=paging.cookie)
    other = sansldap.FilterPresent("mail")
    assert code(ask(target, search(wanted=other, controls=[again]))) == 53
    assert code(ask(target, search(controls=[again]))) == 0


def test_an_unknown_critical_control_is_refused(directory: Directory) -> None:
    control = sansldap.LDAPControl("1.2.3.4", critical=True, value=b"")
    assert code(ask(session(directory), search(controls=[control]))) == 12


def test_start_tls_is_offered_only_with_a_certificate_and_once(directory: Directory) -> None:
    client = sansldap.LDAPClient()
    client.extended_request("1.3.6.1.4.1.1466.20037")
    data = client.data_to_send()
    assert code(ask(session(directory), data)) == 52
    assert ask(session(directory, can_start_tls=True), data)[-1] is Wish.START_TLS
    assert code(ask(session(directory, can_start_tls=True, tls=True), data)) == 1


def test_what_follows_start_tls_in_clear_is_dropped(directory: Directory) -> None:
    client = sansldap.LDAPClient()
    client.extended_request("1.3.6.1.4.1.1466.20037")
    target = session(directory, can_start_tls=True)
    answers = ask(target, client.data_to_send() + search())
    assert answers[-1] is Wish.START_TLS
    assert len(answers) == 2
    target.tls_started()
    assert code(ask(target, bind())) == 0


@pytest.mark.parametrize(
    ("operation", "answer"),
    [(0x66, 0x67), (0x68, 0x69), (0x4A, 0x6B), (0x6C, 0x6D), (0x6E, 0x6F)],
    ids=["modify", "add", "delete", "modify-dn", "compare"],
)
def test_operations_that_write_are_refused_with_their_own_answer(
    directory: Directory, operation: int, answer: int
) -> None:
    request = ber.sequence((ber.integer(9), ber.tlv(operation, b"x")))
    [reply] = session(directory).receive(request)
    assert isinstance(reply, bytes)
    assert reply[5] == answer
    assert bytes((0x0A, 1, 53)) in reply


def test_unbind_closes_and_abandon_says_nothing(directory: Directory) -> None:
    abandon = ber.sequence((ber.integer(2), ber.tlv(0x50, b"\x01")))
    unbind = ber.sequence((ber.integer(3), ber.tlv(0x42, b"")))
    assert list(session(directory).receive(abandon)) == []
    assert list(session(directory).receive(unbind)) == [Wish.CLOSE]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80\x00\x00",
        b"\x30\x05\x04\x03abc",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x01\xff\x60\x00",
        b"\x30\x05\x02\x01\x01\x7e\x00",
    ],
)
def test_what_is_not_ldap_is_told_and_cut(directory: Directory, garbage: bytes) -> None:
    answers = list(session(directory).receive(garbage))
    assert answers[-1] is Wish.CLOSE
    assert b"1.3.6.1.4.1.1466.20036" in answers[0]  # type: ignore[operator]


def test_a_message_that_claims_to_be_too_long_is_cut_before_it_comes(directory: Directory) -> None:
    target = session(directory)
    answers = list(target.receive(b"\x30\x83\x01\x00\x01"))
    assert answers[-1] is Wish.CLOSE


def test_a_message_may_come_byte_by_byte(directory: Directory) -> None:
    target = session(directory)
    answers = [a for byte in bind() for a in target.receive(bytes((byte,)))]
    assert len(answers) == 1


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_break_the_session(directory: Directory, data: bytes) -> None:
    for tag in (0x60, 0x63, 0x77):
        list(session(directory).receive(ber.sequence((ber.integer(1), ber.tlv(tag, data)))))
    list(session(directory).receive(data))


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_no_corruption_of_a_search_breaks_the_session(
    directory: Directory, place: int, value: int
) -> None:
    request = bytearray(
        search(
            wanted=sansldap.LDAPFilter.from_string("(&(cn=a*b)(!(sn=c))(mail:2.5.13.2:=d))"),
            controls=[sansldap.PagedResultControl(critical=True, size=5, cookie=b"")],
        )
    )
    request[place % len(request)] = value
    list(session(directory).receive(bytes(request)))


def test_a_filter_nested_ten_thousand_deep_is_refused(directory: Directory) -> None:
    inner = ber.octets("cn", 0x87)
    for _ in range(9_000):
        inner = ber.tlv(0xA2, inner)
    body = (
        ber.octets(BASE_DN)
        + ber.enumerated(2)
        + ber.enumerated(0)
        + ber.integer(0) * 2
        + b"\x01\x01\x00"
        + inner
        + ber.sequence(())
    )
    request = ber.sequence((ber.integer(1), ber.tlv(0x63, body)))
    assert code(ask(session(directory), request)) in {2, 11}

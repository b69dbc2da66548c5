import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.trust import Employee, KeyKind, Marker, ProfileName, TestCA
from sandbox.trust.hierarchy import AUTHORITIES
from sandbox.trust.profiles import CARD_NUMBER, CARD_TYPE, MARKER, POLICY_TEST, PROFESSION, PROFILES

from .conftest import HOST, ORG, PERSON

EMPLOYEE = Employee(
    structure=ORG, internal_id="A12", function="Secrétaire", surname="PETIT", given_name="Luc"
)


@pytest.fixture(scope="module")
def issued(rsa_ca):
    """One certificate of each profile, by the real key sizes."""
    card = rsa_ca.cps(PERSON)
    return {
        ProfileName.OPERATOR_SERVER: rsa_ca.operator_server(ORG, [HOST, "mx2.op1.mssante.test"]),
        ProfileName.ENDPOINT_SERVER: rsa_ca.endpoint_server(ORG, ["imap.op1.mssante.test"]),
        ProfileName.ORG_CLIENT: rsa_ca.org_client(ORG, "LABO-APP"),
        ProfileName.ORG_SEAL: rsa_ca.org_seal(ORG, "CACHET", "cachet@op1.mssante.test"),
        ProfileName.LIST_SIGNING: rsa_ca.list_signing(ORG, "alb", "alb@mssante.test"),
        ProfileName.CPS_AUTH: card.auth,
        ProfileName.CPS_SIGN: card.sign,
        ProfileName.CPE_AUTH: rsa_ca.cpe(EMPLOYEE),
    }


def extension(issued, kind):
    return issued.certificate.extensions.get_extension_for_class(kind)


def private(issued, oid):
    return issued.certificate.extensions.get_extension_for_oid(oid).value.value


@pytest.mark.parametrize("name", PROFILES)
def test_a_leaf_has_the_key_usages_of_its_profile_critical(issued, name):
    usage = extension(issued[name], x509.KeyUsage)
    bits = ("digital_signature", "content_commitment", "key_encipherment", "key_agreement")
    assert usage.critical
    assert {bit for bit in bits if getattr(usage.value, bit)} == set(PROFILES[name].usages)


@pytest.mark.parametrize("name", PROFILES)
def test_a_leaf_has_the_extended_usages_of_its_profile(issued, name):
    assert tuple(extension(issued[name], x509.ExtendedKeyUsage).value) == PROFILES[name].purposes


@pytest.mark.parametrize("name", PROFILES)
def test_a_leaf_is_rsa_2048_for_three_years_by_the_authority_of_its_profile(issued, name):
    leaf = issued[name].certificate
    cn = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert (key.key_size, cn) == (2048, AUTHORITIES[PROFILES[name].issuer].common_name)
    assert leaf.not_valid_after_utc.year - leaf.not_valid_before_utc.year == 3


@pytest.mark.parametrize("name", PROFILES)
def test_a_leaf_of_the_test_hierarchy_has_the_test_policy_and_marker(issued, name):
    policies = extension(issued[name], x509.CertificatePolicies).value
    marker = private(issued[name], MARKER)
    expected = 0x83 if PROFILES[name].kind == 3 else 0x80
    assert (policies[0].policy_identifier, marker) == (POLICY_TEST, bytes([4, 1, expected]))


@pytest.mark.parametrize("name", PROFILES)
def test_a_leaf_says_where_its_crl_delta_ocsp_and_issuer_are(rsa_ca, issued, name):
    issuer = PROFILES[name].issuer
    crl = extension(issued[name], x509.CRLDistributionPoints).value[0].full_name[0].value
    delta = extension(issued[name], x509.FreshestCRL).value[0].full_name[0].value
    access = extension(issued[name], x509.AuthorityInformationAccess).value
    assert (crl, delta) == (rsa_ca.urls.crl(issuer), rsa_ca.urls.delta(issuer))
    assert [each.access_location.value for each in access] == [
        rsa_ca.urls.responder(),
        rsa_ca.urls.issuer(issuer),
    ]


def test_a_production_marker_brings_the_production_policies():
    ca = TestCA(key_kind=KeyKind.P256, marker=Marker.PRODUCTION)
    leaf = ca.operator_server(ORG, [HOST])
    policy = extension(leaf, x509.CertificatePolicies).value[0].policy_identifier
    assert (policy.dotted_string, private(leaf, MARKER)) == (
        "1.2.250.1.213.1.7.1.1.2.5.1",
        b"\x04\x01\x03",
    )


def test_a_server_has_all_its_names_in_the_san_its_cn_first(issued):
    san = extension(issued[ProfileName.OPERATOR_SERVER], x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == [HOST, "mx2.op1.mssante.test"]


def test_an_organisation_subject_is_c_st_o_ou_cn(issued):
    subject = issued[ProfileName.ORG_CLIENT].certificate.subject
    assert subject.rfc4514_string() == "CN=LABO-APP,OU=1119999993,O=CH DE TEST,ST=Aude (11),C=FR"


def test_a_card_holder_is_named_in_one_multivalued_rdn(issued):
    rdns = issued[ProfileName.CPS_AUTH].certificate.subject.rdns
    holder = {a.oid: a.value for a in rdns[2]}
    assert [next(iter(r)).value for r in rdns[:2]] == ["FR", "Médecin"]
    assert holder == {
        NameOID.SURNAME: "DURAND",
        NameOID.COMMON_NAME: "899999999990",
        NameOID.GIVEN_NAME: "Anne",
    }


def test_a_card_carries_type_number_and_profession(issued):
    card = issued[ProfileName.CPS_AUTH]
    number = private(card, CARD_NUMBER)
    assert private(card, CARD_TYPE) == b"\x02\x01\x00"
    assert private(card, PROFESSION) == b"\x02\x01\x0a"
    assert number[0] == 0x13  # PrintableString
    assert number[2:].startswith(b"8025000001/28")


def test_both_certificates_of_a_card_bear_one_card_number(issued):
    auth, sign = issued[ProfileName.CPS_AUTH], issued[ProfileName.CPS_SIGN]
    assert private(auth, CARD_NUMBER) == private(sign, CARD_NUMBER)


def test_the_signature_certificate_carries_the_address_of_the_person(issued):
    san = extension(issued[ProfileName.CPS_SIGN], x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.RFC822Name) == [PERSON.mail]


def test_an_employee_card_has_a_windows_principal_name(issued):
    card = issued[ProfileName.CPE_AUTH]
    name = extension(card, x509.SubjectAlternativeName).value.get_values_for_type(x509.OtherName)[0]
    assert name.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
    assert name.value[2:].decode() == "3119999993/A12@carte-cps.fr"
    assert card.common_name == "3119999993/A12"


def test_the_authentication_certificate_opens_a_windows_session(issued):
    purposes = extension(issued[ProfileName.CPS_AUTH], x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SMARTCARD_LOGON in purposes


def test_a_p256_leaf_does_not_claim_key_encipherment(good):
    assert not extension(good, x509.KeyUsage).value.key_encipherment


def test_an_intermediate_may_sign_leaves_only(rsa_ca):
    for name, spec in AUTHORITIES.items():
        constraints = (
            rsa_ca.authorities.pair(name)[0]
            .extensions.get_extension_for_class(x509.BasicConstraints)
            .value
        )
        assert (constraints.ca, constraints.path_length) == (True, 0 if spec.parent else None)

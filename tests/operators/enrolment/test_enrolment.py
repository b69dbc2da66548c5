"""Enrolling a telephone: who may, when its codes count, what other sites and strangers can do."""

from __future__ import annotations

import json
from dataclasses import replace

import pyotp
import pytest

from sandbox.directory.identities import application_of, card_holder
from sandbox.operators.auth.limits import AttemptPolicy
from sandbox.operators.enrolment.enrolment import MOST_TELEPHONES
from sandbox.operators.model import Accepted
from tests.operators.auth.world import POLICY, Holder, World, new_password, password, told

from .site import Site, opened


@pytest.fixture
def anne(world: World) -> Holder:
    """A holder with a password and no telephone yet."""
    holder = world.holder()
    world.grants[-1] = replace(world.grants[-1], totp="")
    return holder


def now(world: World, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(world.clock.now + 30 * steps)


async def enrolled(site: Site, world: World, anne: Holder, label: str = "Téléphone") -> str:
    """Enrol a telephone through the pages; the secret."""
    await site.post("/sign-in", user=anne.mailbox, password=anne.password)
    await site.post("/enrol", label=label)
    secret = site.secret()
    await site.post("/confirm", code=now(world, secret))
    return secret


async def logs_in(site: Site, anne: Holder, code: str) -> str:
    step = password(anne.mailbox, anne.password + code)
    return told(await site.control.authenticator.authenticate(step.credentials, step.channel))


async def test_the_sandboxs_own_telephone_shows_its_code_and_no_other_does(world: World) -> None:
    holder = world.holder()
    async with opened(world) as site:
        code = holder.code()
        user = {"user": holder.mailbox, "password": holder.password, "current": code}
        await site.post("/sign-in", **user)
        assert f"<strong>{code}</strong>" in site.text
        await site.post("/enrol", label="Pixel")
        secret = site.secret()
        await site.post("/confirm", code=now(world, secret))
        assert f"<strong>{code}</strong>" in site.text
        assert f"<strong>{now(world, secret)}</strong>" not in site.text


async def test_a_telephone_counts_once_a_code_of_it_was_confirmed(
    world: World, anne: Holder
) -> None:
    async with opened(world) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        await site.post("/enrol", label="Pixel d'Anne")
        secret = site.secret()
        assert await logs_in(site, anne, now(world, secret)) == "code-not-enrolled"
        page = await site.post("/confirm", code=now(world, secret))
        assert "Téléphone enrôlé" in page.text
        assert "Pixel d&#39;Anne" in page.text
        assert await logs_in(site, anne, now(world, secret, 1)) == anne.mailbox


async def test_the_code_that_confirmed_is_used(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        secret = await enrolled(site, world, anne)
        assert await logs_in(site, anne, now(world, secret)) == "code-reused"


async def test_a_wrong_confirmation_enrols_nothing(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        await site.post("/enrol", label="")
        secret = site.secret()
        page = await site.post("/confirm", code=now(world, secret, 50))
        assert page.status_code == 403
        assert "pas celui de cette application" in page.text
        assert site.secret() == secret
        assert await logs_in(site, anne, now(world, secret)) == "code-not-enrolled"


async def test_a_revoked_telephone_counts_no_more(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        secret = await enrolled(site, world, anne)
        [telephone] = site.control.accounts.secrets(anne.mailbox, anne.identity)
        page = await site.post("/revoke", id=str(telephone.id))
        assert "Téléphone révoqué" in page.text
        assert await logs_in(site, anne, now(world, secret, 1)) == "code-not-enrolled"


async def test_the_qr_code_is_an_otpauth_uri_that_apps_read(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        answer = await site.api("enrol", user=anne.mailbox, password=anne.password)
        read = pyotp.parse_uri(answer.json()["uri"])
        assert isinstance(read, pyotp.TOTP)
        assert (read.interval, read.digits, read.digest().name) == (30, 6, "sha1")
        assert (read.name, read.issuer) == (anne.mailbox, "MSSanté op1 (test)")
        assert read.secret == answer.json()["secret"]
        assert len(read.byte_secret()) == 20


async def test_once_a_telephone_is_enrolled_the_password_alone_does_not_sign_in(
    world: World, anne: Holder
) -> None:
    async with opened(world) as site:
        secret = await enrolled(site, world, anne)
        await site.post("/sign-out")
        page = await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        assert page.status_code == 403
        assert "Identification refusée" in page.text
        page = await site.post(
            "/sign-in", user=anne.mailbox, password=anne.password, current=now(world, secret, 1)
        )
        assert "Téléphone" in page.text
        assert anne.mailbox in page.text


async def test_a_code_without_any_telephone_does_not_sign_in(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        page = await site.post(
            "/sign-in", user=anne.mailbox, password=anne.password, current="123456"
        )
        assert page.status_code == 403
        assert world.journal.since()[-1]["reason"] == "code-not-enrolled"


async def test_a_card_signs_its_holder_in_when_the_telephone_is_lost(world: World) -> None:
    anne = world.holder()
    person = world.directory.person(anne.identity)
    assert person is not None
    card = world.ca.cps(card_holder(person)).auth.certificate

    async with opened(world, card=card) as site:
        page = await site.post("/sign-in", user="", **{"with": "card"})
        assert page.status_code == 200
        assert anne.mailbox in page.text


async def test_an_application_certificate_signs_nobody_in(world: World) -> None:
    box = world.application()
    peer = world.ca.org_client(application_of(world.directory, box.address), "lps").certificate

    async with opened(world, card=peer) as site:
        page = await site.post("/sign-in", user=box.address, **{"with": "card"})
        assert page.status_code == 403
        assert "Carte refusée" in page.text
        assert world.journal.since()[-1]["reason"] == "application-not-here"


async def test_without_a_card_the_card_s_way_is_refused(world: World) -> None:
    async with opened(world) as site:
        page = await site.post("/sign-in", user="", **{"with": "card"})
        assert page.status_code == 403
        assert world.journal.since()[-1]["reason"] == "certificate-missing"


async def test_unknown_mailbox_and_wrong_password_look_the_same(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        pages = [
            await site.post("/sign-in", user=user, password=new_password())
            for user in (anne.mailbox, "nobody@op1.mssante.test", "x", "a@elsewhere.test")
        ]
        assert len({(page.status_code, page.text) for page in pages}) == 1


async def test_attempts_to_sign_in_are_those_of_mail_software(world: World, anne: Holder) -> None:
    policy = replace(POLICY, attempts=AttemptPolicy(per_name=2))

    async with opened(world, policy=policy) as site:
        for _ in range(2):
            await site.post("/sign-in", user=anne.mailbox, password=new_password())
        page = await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        assert page.status_code == 429
        assert "Trop d&#39;essais" in page.text


async def test_confirmations_are_limited(world: World, anne: Holder) -> None:
    policy = replace(POLICY, attempts=AttemptPolicy(per_account=2))

    async with opened(world, policy=policy) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        await site.post("/enrol", label="")
        secret = site.secret()
        wrong = now(world, secret, 50)
        answers = [(await site.post("/confirm", code=wrong)).status_code for _ in range(3)]
        assert answers == [403, 403, 429]


async def test_telephones_of_an_account_are_few(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        answer = await site.api("enrol", user=anne.mailbox, password=anne.password)
        ticket = answer.json()["ticket"]
        for _ in range(MOST_TELEPHONES):
            secret = (await site.api("enrol", ticket=ticket)).json()["secret"]
            done = await site.api("confirm", ticket=ticket, code=now(world, secret))
            assert done.status_code == 200
        assert (await site.api("enrol", ticket=ticket)).status_code == 409


# Other sites, other people, other times ---------------------------------------------------------


async def test_a_form_of_another_site_is_refused(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        token = site.form_token()
        forged = await site.browser.post(
            "/enrol", data={"form_token": token}, headers={"origin": "https://evil.test"}
        )
        assert forged.status_code == 403
        without = await site.browser.post("/enrol", data={"label": "x"})
        assert without.status_code == 403
        assert site.control.accounts.secrets(anne.mailbox, anne.identity) == []


async def test_the_cookie_is_for_this_site_over_tls_and_not_for_scripts(
    world: World, anne: Holder
) -> None:
    async with opened(world) as site:
        answer = await site.browser.post(
            "/sign-in", data={"user": anne.mailbox, "password": anne.password}
        )
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("__host-enrolment=")
        for attribute in ("secure", "httponly", "samesite=strict", "path=/"):
            assert attribute in cookie


async def test_a_page_takes_nothing_from_elsewhere_and_runs_no_script(world: World) -> None:
    async with opened(world) as site:
        text = await site.get()
        assert site.page is not None
        policy = site.page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in text
        assert "http://" not in text.replace("http://www.w3.org/", "")
        assert site.page.headers["cache-control"] == "no-store"


async def test_a_label_is_text(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        await enrolled(site, world, anne, label="<script>alert(1)</script>")
        assert "<script" not in site.text
        assert "&lt;script&gt;" in site.text


async def test_nobody_revokes_another_person_s_telephone(world: World, anne: Holder) -> None:
    other = world.holder(world.organisational(holders=1))

    async with opened(world) as site:
        [hers] = site.control.accounts.secrets(other.mailbox, other.identity)
        answer = await site.api("enrol", user=anne.mailbox, password=anne.password)
        ticket = answer.json()["ticket"]
        refused = await site.api("revoke", ticket=ticket, id=hers.id)
        assert refused.status_code == 404
        assert site.control.accounts.secrets(other.mailbox, other.identity) == [hers]


async def test_a_ticket_dies(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        world.clock.now += 601
        page = await site.post("/enrol", label="x")
        assert page.status_code == 403
        assert "Session terminée" in page.text


async def test_signing_out_ends_the_ticket(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        await site.post("/sign-in", user=anne.mailbox, password=anne.password)
        ticket = site.browser.cookies["__Host-enrolment"]
        await site.post("/sign-out")
        assert (await site.api("enrol", ticket=ticket)).status_code == 403


async def test_everything_is_journaled_and_no_secret_is(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        secret = await enrolled(site, world, anne)
        events = world.journal.since()
        assert [event["event"] for event in events] == [
            "enrolment-sign-in", "enrolment-begun", "enrolment-confirmed",
        ]  # fmt: skip
        assert secret not in json.dumps(events)
        assert anne.password not in json.dumps(events)


# Scripts ----------------------------------------------------------------------------------------


async def test_a_script_enrols_confirms_and_revokes(world: World, anne: Holder) -> None:
    async with opened(world) as site:
        begun = await site.api("enrol", user=anne.mailbox, password=anne.password, label="script")
        drawn = begun.json()
        assert drawn["telephones"] == []
        code = now(world, drawn["secret"])
        confirmed = await site.api("confirm", ticket=drawn["ticket"], code=code)
        [telephone] = confirmed.json()["telephones"]
        assert (telephone["id"], telephone["label"]) == (drawn["id"], "script")
        step = password(anne.mailbox, anne.password + now(world, drawn["secret"], 1))
        result = await site.control.authenticator.authenticate(step.credentials, step.channel)
        assert isinstance(result, Accepted)
        revoked = await site.api("revoke", ticket=drawn["ticket"], id=telephone["id"])
        assert revoked.json()["telephones"] == []


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a": "' + b"x" * 5_000 + b'"}', "application/json", 400),
        (b'{"ticket": "none"}', "application/json", 403),
        (b'{"user": "a@op1.mssante.test", "password": 1}', "application/json", 403),
        (b"{}", "application/json", 403),
    ],
)
async def test_a_script_s_bad_request_is_answered_in_both_languages(
    world: World, content: bytes, media: str, status: int
) -> None:
    async with opened(world) as site:
        answer = await site.browser.post(
            "/api/enrol", content=content, headers={"content-type": media}
        )
        assert answer.status_code == status
        assert set(answer.json()) == {"fr", "en"}


async def test_another_host_name_is_not_this_site(world: World) -> None:
    async with opened(world) as site:
        answer = await site.browser.get("/", headers={"host": "evil.example"})
        assert answer.status_code == 421

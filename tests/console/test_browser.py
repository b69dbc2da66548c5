"""The console in a real browser: each page, both languages, both themes, each action.

No page may write an error to the console of the browser, break the policy of contents, or have what
axe-core finds fault with.
"""

from __future__ import annotations

import imaplib
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pyotp
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox.console.console import SpaceConsole
from sandbox.live.mailer import choose
from sandbox.live.space import LiveSpace
from sandbox.serve import client_context
from tests.console.conftest import AXE, CHROMIUM, account
from tests.console.test_api import PATIENCE, log_in, until

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium (.ci/peers-console)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PAGES = (
    "/",
    "/designs",
    "/phones",
    "/mail",
    "/mail/compose",
    "/why",
    "/trust?who=martin",
    "/controls",
    "/faults",
    "/api-page",
)
SHOTS = os.environ.get("CONSOLE_SHOTS", "")  # a folder: a picture of every page is kept there
SECONDS = 60_000.0  # that the browser waits for what it is told to see, ms
# How often the event stream of a page has told of journals, and a wait for more.
COUNT_NEWS = """window.news = 0; const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, work) {
  listen.call(this, name, (event) => { work(event); window.news += name === "journal"; }); };"""
UNTIL_NEWS = """(before) => new Promise((done) => {
  const look = () => window.news > before ? done() : setTimeout(look, 20); look(); })"""


@pytest.fixture(scope="module")
def context(space: LiveSpace) -> Iterator[Any]:
    """One browser that has opened the console's address."""
    sync_api.expect.set_options(timeout=SECONDS)
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(SECONDS)
        first = context.new_page()
        first.goto(space.sheet["console"])
        first.close()
        yield context
        browser.close()


@pytest.fixture
def page(context: Any, space: LiveSpace) -> Iterator[Any]:
    """A page whose complaints fail the test."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda told: complaints.append(_said(told)) if told.type == "error" else 0)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: complaints.append(asked.url) if _foreign(asked) else 0)
    yield opened
    opened.close()
    assert complaints == []


def _said(told: Any) -> str:
    return f"{told.text} {told.location.get('url', '')}"


def _foreign(asked: Any) -> bool:
    return not re.match(r"http://127\.|data:", asked.url)


def filled(page: Any, found: list[Any], count: int) -> None:
    """Let the browser go on until there are so many."""
    end = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def base(space: LiveSpace) -> str:
    return str(space.sheet["console"]).partition("/?")[0]


def other(space: LiveSpace) -> str:
    return str(space.sheet["operators"][1]["name"])


def judged(page: Any) -> list[str]:
    """Return what axe-core finds fault with, WCAG 2.2 AA and best practices."""
    # The policy of the page allows no script but its own: the driver's own world is none of its.
    page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:120]}" for each in found["violations"]
        for node in each["nodes"]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def seen(space: LiveSpace, api: Any) -> str:
    """Return the key of a connection that was refused, for the pages to show."""
    who = account(space, "ciba-operateur")
    login = log_in(space, who["address"], "ciba-operateur")
    sms = until(api, "/sms", "sms", lambda each: each["open"])[0]
    api.post(f"/phones/{sms['operator']}/{sms['ticket']}", json={"decision": "refuse"})
    login.join(PATIENCE)
    found = until(api, f"/connections?person={who['address']}&outcome=refused", "connections")
    return str(found[0]["key"])


HOSTILE = (
    '<p id="seen">Bonjour</p><script>top.location="/stolen"</script><img src=x onerror="alert(1)">'
    '<img src="http://192.0.2.1/beacon.png"><meta http-equiv="refresh" content="0;url=//192.0.2.1">'
    '<link rel="preconnect" href="http://192.0.2.1"><a href="javascript:alert(1)">ici</a>'
    '<form action="http://192.0.2.1"><input name=a></form><iframe src="http://192.0.2.1"></iframe>'
    '<style>@import url("http://192.0.2.1/a.css"); p {background: url("http://192.0.2.1/b")}</style>'
    '<svg onload="alert(1)"><animate onbegin="alert(1)"></svg><base href="http://192.0.2.1/">'
)


@pytest.fixture(scope="module")
def hostile(space: LiveSpace, api: Any) -> str:
    """Return the mailbox whose first message is what a stranger might write."""
    to = account(space, "totp")["address"]
    answer = api.post(
        "/messages",
        json={"address": account(space, "cps", other(space))["address"], "to": to,
              "subject": "<b>Compte rendu</b> \u202etxt.exe", "text": "Bonjour.", "html": HOSTILE},
    ).json()  # fmt: skip
    assert answer["ok"], answer
    until(api, f"/mailboxes/{to}/messages", "messages")
    return str(to)


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (.ci/peers-console)")
@pytest.mark.parametrize(("theme", "language"), [("light", "fr"), ("dark", "en")])
def test_every_page_is_for_everybody(
    page: Any, space: LiveSpace, seen: str, hostile: str, theme: str, language: str
) -> None:
    person = account(space, "totp")["holders"][0]["identity"]
    box = f"/mail/{account(space, 'totp')['address']}"
    shown = (*PAGES, f"/why/{seen}", f"/phones/{person}", box, f"{box}/1")
    for path in shown:
        page.goto(f"{base(space)}{path}{'&' if '?' in path else '?'}theme={theme}&lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        assert judged(page) == [], path
        if SHOTS:
            name = path.partition("?")[0].strip("/").replace("/", "-") or "space"
            page.screenshot(path=f"{SHOTS}/{name}-{language}-{theme}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280, (path, width)


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (.ci/peers-console)")
def test_pages_of_services_are_for_everybody_too(context: Any, space: LiveSpace, seen: str) -> None:
    """Telephones as `psc serve` shows them, where one is answered; SMS; enrolment."""
    psc = space.sheet["psc"]
    origin = psc["control"].removesuffix("/sandbox")
    operator = next(each for each in space.sheet["operators"] if seen.startswith(each["name"]))
    address = next(
        each["address"] for each in reversed(space.sheet["accounts"])
        if "ecps" in each["holders"][0]["methods"]
    )  # fmt: skip
    shown = {
        "psc-phones": f"{origin}/",
        "sms": f"{operator['ciba']}/sms?secret={psc['control_secret']}",
        "enrolment": operator["enrolment"], "sms-link": f"{operator['ciba']}/s/none",
    }  # fmt: skip
    login = log_in(space, address, "ecps")
    for scheme in ("light", "dark"):
        services = context.browser.new_context(
            ignore_https_errors=True, color_scheme=scheme, viewport={"width": 1280, "height": 800}
        )
        services.set_default_timeout(SECONDS)
        page, complaints = services.new_page(), list[str]()
        page.on("pageerror", lambda error, found=complaints: found.append(str(error)))
        page.on("console", lambda told, found=complaints: found.append(_said(told))
                if told.type == "error" and "410" not in told.text else 0)  # fmt: skip
        page.goto(f"{origin}/?secret={psc['control_secret']}")
        if scheme == "light":
            page.locator("#rings .ring").wait_for()
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/psc-ring.png")
            assert judged(page) == []
            number = page.locator("#rings .ask .soft").inner_text().strip("()").split()[-1]
            page.locator("#rings .choice", has_text=number).click()
            login.join(PATIENCE)
            sync_api.expect(page.locator("#rings .ring")).to_have_count(0)
        for name, place in shown.items():
            page.goto(place)
            assert judged(page) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= 1280, name
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{name}-{scheme}.png")
        services.close()
        assert complaints == []
    assert not login.is_alive()


def test_the_language_and_the_theme_are_kept(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light")
    page.get_by_role("link", name="English").click()
    page.goto(f"{base(space)}/phones")
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Phones and cards")
    page.get_by_role("link", name="Français").click()
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Téléphones et cartes")


def holders(space: LiveSpace, method: str) -> list[dict[str, Any]]:
    """Return the personal accounts that a method opens."""
    return [
        each for each in space.sheet["accounts"]
        if method in each["holders"][0]["methods"] and each["type"] == "PER"
    ]  # fmt: skip


def test_a_doctor_goes_through_a_whole_morning(
    page: Any, space: LiveSpace, api: httpx.Client
) -> None:
    """Enrol by QR, log in by IMAP, approve on the phone, read; PSC falls, why, mended."""
    place = f"{base(space)}/{{}}?lang=fr&theme=light".format
    doctor = next(
        each for each in holders(space, "cps")[::-1] if "totp" in each["holders"][0]["methods"]
    )
    person, mailbox = doctor["holders"][0]["identity"], doctor["address"]
    page.goto(place(f"phones/{person}"))
    page.get_by_role("button", name=f"Enrôler pour {mailbox}").click()
    sync_api.expect(page.get_by_role("img", name=f"Code QR à lire de {mailbox}")).to_be_visible()
    label = page.locator("#enrol label", has_text="Code affiché")
    page.get_by_label("Code affiché").fill(re.findall(r"\d{6}", label.inner_text())[0])
    page.get_by_role("button", name="Confirmer le téléphone").click()
    sync_api.expect(page.locator("#enrol .tag.good")).to_contain_text("Téléphone de la console")

    # Mail software that is not ours: the password and a code of the telephone that was enrolled.
    told = api.get(f"/people/{person}/codes").json()["codes"]
    telephone = pyotp.parse_uri(next(each["uri"] for each in told if each.get("confirmed")))
    assert isinstance(telephone, pyotp.TOTP)
    way = choose(space.sheet, mailbox, "imap", method="totp")
    later = telephone.at(int(time.time()) + telephone.interval)  # the code of now is used
    trust = client_context(Path(space.sheet["ca"]["bundle"]))
    imap = imaplib.IMAP4_SSL(way.endpoint["address"], way.endpoint["port"], ssl_context=trust)
    imap.login(way.secrets["username"], way.secrets["password"] + later)

    # A message comes from somebody whose telephone rings.
    sender, other_one = holders(space, "ecps")[-3:-1]
    page.goto(place("phones"))
    sending = threading.Thread(
        target=lambda: api.post("/messages", json={
            "address": sender["address"], "method": "ecps", "to": mailbox, "subject": "Le matin",
        })
    )  # fmt: skip
    sending.start()
    name = sender["holders"][0]["identity"]
    (ring,) = until(api, "/phones", "phones", lambda each: each["identity"] == name)
    page.get_by_role("button", name=f"Approuver avec {ring['number']}").click()
    sync_api.expect(page.locator("#rings .empty")).to_be_visible()
    sending.join(PATIENCE)
    until(api, f"/mailboxes/{mailbox}/messages?search=matin", "messages")
    imap.select()
    assert b"Le matin" in b"".join(
        part[1] for part in imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        if isinstance(part, tuple)
    )  # fmt: skip
    imap.logout()
    page.goto(place(f"mail/{mailbox}"))
    page.get_by_role("link", name="Le matin").click()
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Le matin")

    page.goto(place("faults"))
    page.get_by_role("button", name="Jouer Lundi 9 h : Pro Santé Connect tombe").click()
    sync_api.expect(page.locator("#force li")).to_contain_text("down")
    asked = {"address": other_one["address"], "method": "ecps"}
    failed = api.post("/logins", json=asked).json()
    assert not failed["ok"]
    page.goto(place("why").replace("?", f"?outcome=refused&person={other_one['address']}&"))
    page.locator(f'#list a[href="/why/{failed["connection"]}"]').click()
    sync_api.expect(page.locator(".step.refused").first).to_contain_text("Remède")
    page.goto(place("faults"))
    page.get_by_role("button", name="Enlever down").click()
    sync_api.expect(page.locator("#force p.empty")).to_be_visible()
    assert space.providers()[""].outage() is None


def test_a_refusal_is_read_filtered_and_linked(page: Any, space: LiveSpace, seen: str) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light")
    page.get_by_label("Issue").select_option("refused")
    page.get_by_label("Méthode").select_option("ciba-operateur")
    page.locator(f'#list a[href="/why/{seen}"]').click()
    refusal = page.locator(".step.refused", has_text="ciba-refused")
    sync_api.expect(refusal).to_contain_text("ciba-refused")
    sync_api.expect(refusal).to_contain_text("Remède")
    assert page.url == f"{base(space)}/why/{seen}"


def test_a_connection_comes_to_the_screen_by_itself(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light&method=certificat")
    thread = log_in(space, account(space, "certificat")["address"], "certificat")
    sync_api.expect(page.locator("#list .tag.good").first).to_be_visible()
    thread.join(PATIENCE)


def test_what_comes_while_a_page_waits_for_its_answer_is_shown_too(
    page: Any, space: LiveSpace, api: httpx.Client
) -> None:
    """The answer is older than the last news, and nothing else comes after."""
    who = account(space, "certificat")["address"]
    asked = {"address": who, "method": "certificat"}
    page.add_init_script(COUNT_NEWS)
    page.goto(f"{base(space)}/why?lang=fr&theme=light&person={who}")
    held: list[Any] = []
    answers: list[Any] = []

    def hold_the_first(route: Any) -> None:
        held.append(route)
        if len(held) == 1:
            answers.append(route.fetch())
        else:
            route.continue_()

    page.route("**/why?*", hold_the_first)
    first = api.post("/logins", json=asked).json()["connection"]
    page.evaluate(UNTIL_NEWS, 0)
    filled(page, answers, 1)
    before = page.evaluate("news")
    second = api.post("/logins", json=asked).json()["connection"]
    page.evaluate(UNTIL_NEWS, before)
    held[0].fulfill(response=answers[0])
    for key in (first, second):
        sync_api.expect(page.locator(f'#list a[href="/why/{key}"]')).to_be_visible()


def test_of_two_browsers_that_answer_a_telephone_at_once_one_is_told_that_it_was_late(
    context: Any, space: LiveSpace, api: httpx.Client
) -> None:
    who = account(space, "ciba-operateur")
    login = log_in(space, who["address"], "ciba-operateur")
    name = who["holders"][0]["identity"]
    contexts = [context.browser.new_context() for _ in range(2)]
    try:
        pages, held = [each.new_page() for each in contexts], []
        for each in pages:
            each.goto(space.sheet["console"])
            each.goto(f"{base(space)}/phones/{name}?lang=fr&theme=light")
            each.route("**/api/phones/**", lambda route: held.append(route))
            each.get_by_role("button", name="Suivre le lien et approuver").click()
        filled(pages[0], held, 2)
        for route in held:
            route.continue_()
        toasts = [each.locator("#toast.shown") for each in pages]
        for toast in toasts:
            sync_api.expect(toast).to_be_visible()
        assert sorted("bad" in toast.get_attribute("class") for toast in toasts) == [False, True]
        for each in pages:
            sync_api.expect(each.locator("#screen button")).to_have_count(0)
    finally:
        for each in contexts:
            each.close()
    login.join(PATIENCE)


def test_the_map_counts_what_is_open(page: Any, space: LiveSpace) -> None:
    from sandbox.live.mailer import choose, open_imap

    page.goto(f"{base(space)}/?lang=fr&theme=light")
    imap = open_imap(choose(space.sheet, account(space, "cps")["address"], "imap"), lambda _: None)
    try:
        open_here = page.locator('[data-tile="connections"]')
        sync_api.expect(open_here).not_to_have_text(re.compile("^[0–]$"))
        sync_api.expect(page.locator('[data-cell="single-endpoint/imap"]')).to_have_class(
            re.compile("busy")
        )
        sync_api.expect(page.locator("[data-chart=connections] canvas")).to_be_visible()
    finally:
        imap.logout()


def test_the_keyboard_reaches_the_content_first(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_hostile_mail_runs_nothing_and_asks_nobody(
    page: Any, space: LiveSpace, hostile: str
) -> None:
    """The page fixture fails on any request elsewhere and on any error of a script."""
    page.on("dialog", lambda dialog: dialog.dismiss() or pytest.fail(dialog.message))
    page.goto(f"{base(space)}/mail/{hostile}/1?lang=fr&theme=light")
    frame = page.frame_locator("iframe.html")
    sync_api.expect(frame.locator("#seen, p").first).to_have_text("Bonjour")
    assert (
        frame.locator("script, form, iframe, link, meta[http-equiv], base, svg, [href]").count()
        == 0
    )
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text(
        "<b>Compte rendu</b> \ufffdtxt.exe"
    )
    assert "/stolen" not in page.url


def test_a_message_is_sent_found_and_followed(page: Any, space: LiveSpace) -> None:
    sender, to = account(space, "cps")["address"], account(space, "totp", other(space))["address"]
    page.goto(f"{base(space)}/mail/compose?lang=fr&theme=light&address={sender}")
    page.get_by_label("À", exact=True).fill(to)
    page.get_by_label("Objet").fill("Résultats du 27")
    page.get_by_role("button", name="Envoyer").click()
    sync_api.expect(page.locator("#attempt")).to_contain_text("Accepté")
    page.goto(f"{base(space)}/mail/{to}?search=r%C3%A9sultats")
    page.get_by_role("link", name="Résultats du 27").first.click()
    sync_api.expect(page.locator(".trace li")).to_have_count(2)
    page.locator(".trace a").first.click()
    sync_api.expect(page.locator(".step.relay").last).to_contain_text("Remis à l'autre opérateur")


def test_a_mistake_is_sent_to_its_story(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/mail/compose?lang=fr&theme=light")
    page.locator("select[name=address]").select_option(account(space, "totp")["address"])
    page.get_by_label("Méthode").select_option("totp")
    page.get_by_label("Se tromper").check()
    page.get_by_role("button", name="Se connecter seulement").click()
    page.locator("#attempt a").click()
    sync_api.expect(page.locator(".step.refused").first).to_contain_text("wrong-password")


def test_one_precise_fault_is_set_and_all_is_mended_in_one_click(
    page: Any, space: LiveSpace
) -> None:
    page.goto(f"{base(space)}/faults?lang=fr&theme=light")
    form = page.locator("form", has=page.locator('input[value="mail"]'))
    form.get_by_label("Défaut").select_option("reply")
    form.get_by_label("La N-ième fois").fill("3")
    form.get_by_role("button", name="Casser").click()
    sync_api.expect(page.locator("#force li")).to_have_count(1)
    page.get_by_role("button", name="Tout réparer").click()
    sync_api.expect(page.locator("#force .empty, #force.empty, #force p.empty")).to_be_visible()


def test_a_certificate_is_issued_and_downloaded(
    page: Any, space: LiveSpace, tmp_path: Path
) -> None:
    page.goto(f"{base(space)}/trust?lang=fr&theme=light")
    page.get_by_label("Noms d'hôte séparés").fill("lps.editeur.test")
    page.get_by_role("button", name="Émettre un certificat").click()
    with page.expect_download() as begun:
        page.get_by_role("link", name="bundle.p12").first.click()
    begun.value.save_as(tmp_path / "bundle.p12")
    _, certificate, _ = pkcs12.load_key_and_certificates(
        (tmp_path / "bundle.p12").read_bytes(), b"1234"
    )
    assert certificate is not None
    assert "lps.editeur.test" in certificate.subject.rfc4514_string()
    for folder in space.issued.iterdir():
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "key.pem").stat().st_mode & 0o077 == 0


def test_a_card_is_revoked_and_refused(page: Any, space: LiveSpace, api: Any) -> None:
    who = next(each for each in space.sheet["accounts"] if each["type"] == "APP")
    name = who["holders"][0]["identity"]
    page.goto(f"{base(space)}/trust?lang=fr&theme=light&certificate={name}")
    page.get_by_role("button", name="Révoquer").first.click()
    sync_api.expect(page.locator("#certificates .tag.bad")).to_have_count(1)
    told = api.post("/logins", json={"address": who["address"], "method": "certificat"}).json()
    assert not told["ok"]
    story = api.get(f"/connections/{told['connection']}").json()
    reasons = [step["refused"]["reason"] for step in story["steps"] if "refused" in step]
    assert reasons == ["certificate-revoked"]
    page.get_by_role("button", name="Lever").first.click()
    sync_api.expect(page.locator("#certificates .tag.bad")).to_have_count(0)
    assert api.post("/logins", json={"address": who["address"]}).json()["ok"]


def test_a_domain_is_withdrawn_and_put_back(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/trust?lang=fr&theme=light")
    domain = f"{other(space)}.mssante.test"
    page.get_by_role("button", name=f"Retirer {domain}").click()
    sync_api.expect(page.locator("#domains .tag.bad")).to_have_count(1)
    page.get_by_role("button", name=f"Remettre {domain}").click()
    sync_api.expect(page.locator("#domains .tag.bad")).to_have_count(0)


def test_a_little_traffic_moves_every_design(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/designs?lang=fr&theme=light")
    page.get_by_label("Gestes par seconde").fill("10")
    page.get_by_role("button", name="Lancer").click()
    for design in page.locator("article.design").all():
        logins = design.locator(".figures").first.locator("dd").nth(1)
        sync_api.expect(logins).not_to_have_text("0")
    page.get_by_role("button", name="Arrêter le trafic").click()
    sync_api.expect(page.locator("#toast")).to_contain_text("Fait")


def test_the_demonstration_plays_its_ten_steps_by_itself(
    page: Any, space: LiveSpace, api: Any
) -> None:
    """The page follows from step to step; each act does what its step says."""
    player = cast("SpaceConsole", space.console).player
    page.goto(f"{base(space)}/?lang=fr&theme=light")
    player.play(pace=0.2)
    sync_api.expect(page.locator("#demo")).to_have_attribute("data-step", "9", timeout=400_000)
    player.wait()
    assert player.outcomes == {
        0: True, 1: True, 2: True, 3: True, 4: True, 5: True, 6: False, 7: True,
    }  # fmt: skip
    sync_api.expect(page).to_have_url(base(space) + "/api-page")
    end = time.monotonic() + 5 * PATIENCE  # the sixth step's comparison goes on in the background
    while (state := api.get("/comparison").json())["word"] == "running":
        assert time.monotonic() < end
        time.sleep(0.2)
    assert state["word"] == "done", state["error"]
    assert state["asked"]["blocked"] == 0.3
    for figures in state["said"]["designs"].values():
        assert 0 <= figures["cannot_connect"]["mean"] <= 1
        assert figures["person_wait"]["mean"] > 0
    page.get_by_role("button", name="Avant").click()
    sync_api.expect(page.locator("#demo")).to_have_attribute("data-step", "8")
    page.get_by_role("button", name="Quitter").click()
    sync_api.expect(page.locator("#demo")).to_be_hidden()

"""The console in a real browser: each page, both languages, both themes, each action.

No page may write an error to the console of the browser, break the policy of contents, or have what
axe-core finds fault with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from sandbox.live.space import LiveSpace
from tests.console.conftest import AXE, CHROMIUM, account
from tests.console.test_api import PATIENCE, log_in, until

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium (.ci/peers-console)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PAGES = ("/", "/phones", "/why", "/api-page")
SECONDS = 20_000.0  # that the browser waits for what it is told to see, ms


@pytest.fixture(scope="module")
def context(space: LiveSpace) -> Iterator[Any]:
    """One browser that has opened the console's address."""
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
    opened.on("console", lambda told: complaints.append(told.text) if told.type == "error" else 0)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: complaints.append(asked.url) if _foreign(asked) else 0)
    yield opened
    opened.close()
    assert complaints == []


def _foreign(asked: Any) -> bool:
    return not re.match(r"http://127\.|data:", asked.url)


def base(space: LiveSpace) -> str:
    return str(space.sheet["console"]).partition("/?")[0]


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


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (.ci/peers-console)")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_for_everybody(page: Any, space: LiveSpace, seen: str, theme: str) -> None:
    person = account(space, "totp")["holders"][0]["identity"]
    for path, language in product((*PAGES, f"/why/{seen}", f"/phones/{person}"), ("fr", "en")):
        page.goto(f"{base(space)}{path}?theme={theme}&lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        assert judged(page) == [], (path, language)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280, (path, width)


def test_the_language_and_the_theme_are_kept(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light")
    page.get_by_role("link", name="English").click()
    page.goto(f"{base(space)}/phones")
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Phones and cards")
    page.get_by_role("link", name="Français").click()
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Téléphones et cartes")


def test_a_person_answers_the_telephone_that_rings(page: Any, space: LiveSpace, api: Any) -> None:
    page.goto(f"{base(space)}/phones?lang=fr&theme=light")
    who = account(space, "ecps")
    login = log_in(space, who["address"], "ecps")
    name = who["holders"][0]["name"]
    (ring,) = until(api, "/phones", "phones", lambda each: each["name"].lower() == name.lower())
    page.get_by_role("button", name=f"Approuver avec {ring['number']}").click()
    sync_api.expect(page.locator("#rings .empty")).to_be_visible()
    login.join(PATIENCE)


def test_a_refusal_is_read_filtered_and_linked(page: Any, space: LiveSpace, seen: str) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light")
    page.get_by_label("Issue").select_option("refused")
    page.get_by_label("Méthode").select_option("ciba-operateur")
    page.locator(f'#list a[href="/why/{seen}"]').click()
    refusal = page.locator(".step.refused").first
    sync_api.expect(refusal).to_contain_text("ciba-refused")
    sync_api.expect(refusal).to_contain_text("Remède")
    assert page.url == f"{base(space)}/why/{seen}"


def test_a_connection_comes_to_the_screen_by_itself(page: Any, space: LiveSpace) -> None:
    page.goto(f"{base(space)}/why?lang=fr&theme=light&method=certificat")
    thread = log_in(space, account(space, "certificat")["address"], "certificat")
    sync_api.expect(page.locator("#list .tag.good").first).to_be_visible()
    thread.join(PATIENCE)


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

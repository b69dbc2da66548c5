"""Who may look and touch, on the wire, and where they find it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import jsonschema
import pytest

from sandbox.live.space import LiveSpace


@pytest.fixture
def browser(space: LiveSpace) -> Iterator[httpx.Client]:
    """What a browser holds that has opened the console's address."""
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        answer = client.get(space.sheet["console"])
        assert answer.status_code == 200
        assert "secret" not in str(answer.url)
        yield client


def base(space: LiveSpace) -> str:
    return str(space.sheet["console"]).partition("/?")[0]


def test_without_the_secret_nothing_is_shown(space: LiveSpace) -> None:
    for path in ("/", "/why", "/phones", "/api/connections", "/api/people", "/api/events"):
        answer = httpx.get(base(space) + path, trust_env=False)
        assert answer.status_code == 401, path
        assert "control.secret" in answer.text


def test_the_description_and_the_metrics_need_no_secret(space: LiveSpace) -> None:
    for path in ("/api/openapi.json", "/api/metrics"):
        assert httpx.get(base(space) + path, trust_env=False).status_code == 200


def test_another_sites_page_changes_nothing(space: LiveSpace, browser: httpx.Client) -> None:
    url = f"{base(space)}/api/phones/psc/abc"
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": base(space).replace(":", ":1", 2)},
    ):
        answer = browser.post(url, json={"decision": "approve"}, headers=headers)
        assert answer.status_code == 403, headers
    own = {"Origin": base(space)}
    assert browser.post(url, json={"decision": "approve"}, headers=own).status_code == 404
    form = browser.post(url, data={"decision": "approve"}, headers=own)
    assert form.status_code == 400
    assert "Content-Type" in form.json()["error"]["fr"]


def test_another_sites_page_reads_nothing(space: LiveSpace, browser: httpx.Client) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert browser.get(f"{base(space)}/api/people", headers=foreign).status_code == 403


def test_a_link_in_a_ticket_leads_to_the_page(space: LiveSpace, browser: httpx.Client) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert browser.get(f"{base(space)}/why", headers=foreign).status_code == 200


def test_a_name_that_was_rebound_to_us_is_refused(space: LiveSpace) -> None:
    answer = httpx.get(f"{base(space)}/", headers={"Host": "evil.example"}, trust_env=False)
    assert answer.status_code == 421


def test_every_answer_forbids_foreign_and_inline_scripts(
    space: LiveSpace, browser: httpx.Client
) -> None:
    for path in ("/", "/why", "/static/console.js", "/shared/live.js", "/nothing", "/api/nothing"):
        headers = browser.get(base(space) + path).headers
        assert "script-src 'self';" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_file_outside_of_the_package_is_served(space: LiveSpace) -> None:
    for path in (
        "/static/../console.py", "/static/%2e%2e/console.py", "/static/..%2fconsole.py",
        "/shared/../__init__.py", "/shared/%2e%2e/__init__.py",
    ):  # fmt: skip
        assert httpx.get(base(space) + path, trust_env=False).status_code in (401, 404), path


@pytest.mark.parametrize("name", ["console", "console_api"])
def test_the_sheet_of_a_space_with_a_console_keeps_to_its_schema(
    space: LiveSpace, name: str
) -> None:
    schema = Path(__file__).parents[2] / "sandbox/live/space.schema.json"
    jsonschema.validate(space.sheet, json.loads(schema.read_text(encoding="utf-8")))
    assert space.sheet[name].startswith("http://127.")

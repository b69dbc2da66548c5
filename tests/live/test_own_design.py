"""The design and the policy that a user describes (docs/own-design.md) work on the wire."""

from __future__ import annotations

from sandbox.live import live
from sandbox.live.mailer import choose, open_imap, open_smtp


def test_every_method_logs_in_under_a_design_of_one_s_own() -> None:
    with live("deux-portes", designs=("deux-portes",), operators=1, totp_share=3_600.0) as space:
        sheet = space.sheet
        person = next(each for each in sheet["accounts"] if each["type"] == "PER")
        endpoints = sheet["operators"][0]["designs"]["deux-portes"]
        assert {each["client_certificate"] for each in endpoints} == {"none", "required"}
        for method in ("cps", "totp", "ecps"):
            way = choose(sheet, person["address"], "imap", method=method)
            assert ("carte" in way.endpoint["host"]) == (method == "cps")
            with open_imap(way, lambda _: None) as imap:
                assert imap.select()[0] == "OK"
            with open_smtp(
                choose(sheet, person["address"], "smtp", method=method), lambda _: None
            ) as smtp:
                assert smtp.noop()[0] == 250

"""The page tells the truth: each of its blocks runs as it stands, and prints what it says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.conformance.software.clients import PEERS
from tests.live.clients.programs import names_of, needed, run
from tests.live.clients.world import World

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "connect-your-client.md"
PROGRAMS = (
    "curl", "swaks", "openssl", "mbsync", "neomutt", "msmtp", "java", "keytool", "offlineimap",
    "getmail", "fetchmail",
)  # fmt: skip
BLOCK = re.compile(r"^###? (?P<title>.+?)$|^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

LIBRARIES = {  # variables of the page: folders of libraries
    "JARS": PEERS / "jakarta-mail", "NODE": PEERS / "mail-node", "GO": PEERS / "mail-go",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Commands of the page, under a heading."""

    title: str
    code: str

    @property
    def prints(self) -> list[str]:
        return re.findall(r"^# prints: (.+)$", self.code, re.MULTILINE)


def blocks() -> list[Block]:
    """Return the blocks in the order of the page; the first sets the variables."""
    found, title = [], ""
    for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if match["title"] is not None:
            title = match["title"]
        else:
            found.append(Block(title, match["code"]))
    return found


VARIABLES, *COMMANDS = blocks()
IDS = [f"{number}-{block.title}" for number, block in enumerate(COMMANDS)]


@pytest.mark.parametrize("block", COMMANDS, ids=IDS)
def test_a_block_does_what_the_page_says(
    request: pytest.FixtureRequest, block: Block, tmp_path: Path
) -> None:
    by_certificate = block.title == "A certificate alone"
    world: World = request.getfixturevalue("alone" if by_certificate else "world")
    used = [each for each in PROGRAMS if re.search(rf"\b{each} -", block.code)]
    needed("bash", *used, *(["javac"] if "java" in used else []))
    setting = VARIABLES.code.replace("out/space/space.json", str(world.space.folder.sheet))
    if "$NAMES" in block.code:
        names = " ".join(f"{name}={value}" for name, value in names_of(world.hosts).items())
        setting += f'NAMES="env {names}"\n'
    if "$CODE" in block.code:
        login = world.login("totp")
        code, password = login.password[-6:], login.password[:-6]
        setting += f"ME='{login.user}' PASSWORD='{password}' CODE={code}\n"
    for name, folder in LIBRARIES.items():
        if re.search(rf"\${name}\b", block.code):
            if not (folder / "complete").exists():
                pytest.skip(f"{folder.name} is not installed (.ci/peers-operators)")
            setting += f"{name}={folder}\n"
    if "getmail" in used:  # what it delivers of others' tests would be luck, and as root nothing
        me = world.login("ecps").address
        world.space.empty_mailbox(me)
        if os.geteuid() != 0:
            world.space.fill_mailbox(me, 1)
    if "go run" in block.code:
        setting += f"export GOCACHE={LIBRARIES['GO']}/cache GOFLAGS=-mod=mod GOPROXY=off\n"
        setting += f"export GOMODCACHE={LIBRARIES['GO']}/modules\n"
    outcome = run(
        ["bash", "-euo", "pipefail", "-c", setting + block.code],
        folder=tmp_path,
        env={"HOME": str(tmp_path), "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"},
    )  # fmt: skip
    assert outcome.code == 0, outcome.said
    for text in block.prints:
        assert text in outcome.said
    if re.search(r"\$TO\b", block.code):
        recipient = world.login("ecps", operator=world.second).address
        world.arrived(recipient, block.title.lower())

"""The deck's question in ten steps: what to do, to see, to understand; by hand or by itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.console import people
from sandbox.console.comparing import Choices
from sandbox.console.designs import Designs
from sandbox.console.mail import MailAttempt, log_in
from sandbox.console.traffic import TrafficOrder
from sandbox.console.watch import SpaceWatch
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError

__all__ = ["PACE", "STEPS", "DemoState", "DemoStep", "Player"]

PACE = 18.0  # s a step by itself: three minutes for ten


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStep:
    """One step.

    Attributes:
        title, do, see, means: what people read.
        page: where it is seen.
        act: name of what the button does, empty for nothing.
    """

    title: Words
    do: Words
    see: Words
    means: Words
    page: str
    act: str = ""


STEPS: tuple[DemoStep, ...] = (
    DemoStep(
        title=Words("Une médecin et sa carte", "A doctor and her card"),
        do=Words("Jouer : elle relève son courrier, carte CPS dans le lecteur.",
                 "Play: she reads her mail, CPS card in the reader."),
        see=Words("La connexion, en tête de liste ; l'ouvrir : certificat valide, titulaire.",
                  "The connection on top of the list; open it: valid certificate, holder."),
        means=Words("L'opérateur vérifie la carte lui-même ; personne d'autre n'est demandé.",
                    "The operator checks the card itself; nobody else is asked."),
        page="/why?method=cps", act="cps",
    ),
    DemoStep(
        title=Words("Le code", "The code"),
        do=Words("Jouer : une autre se connecte, mot de passe et code à usage unique.",
                 "Play: another logs in with a password and a one-time code."),
        see=Words("La même liste, une autre méthode, le même point d'accès peut-être.",
                  "The same list, another method, perhaps the same endpoint."),
        means=Words("Un code ne sert qu'une fois : deux connexions à la fois en demandent deux.",
                    "A code is good once: two connections at a time need two."),
        page="/why?method=totp", act="totp",
    ),
    DemoStep(
        title=Words("Le téléphone", "The phone"),
        do=Words("Jouer, puis choisir le nombre affiché, ou refuser, ou laisser sonner.",
                 "Play, then pick the number shown, or refuse, or let it ring."),
        see=Words("La connexion est retenue tant que personne n'a répondu.",
                  "The connection is held for as long as nobody has answered."),
        means=Words("Une place est occupée des secondes ou des minutes : c'est là que les"
                    " architectures diffèrent.",
                    "A slot is taken for seconds or minutes: that is where designs differ."),
        page="/phones", act="ecps",
    ),
    DemoStep(
        title=Words("L'application", "The application"),
        do=Words("Jouer : un logiciel relève une BAL applicative avec son certificat.",
                 "Play: software reads an application mailbox with its certificate."),
        see=Words("Ni personne ni code : le certificat de la structure suffit.",
                  "No person, no code: the certificate of the structure is enough."),
        means=Words("Un point d'accès partagé doit demander un certificat à tous, ou à personne.",
                    "A shared endpoint must ask everybody for a certificate, or nobody."),
        page="/why?method=certificat", act="certificat",
    ),
    DemoStep(
        title=Words("Une porte, huit portes, huit ports", "One door, eight doors, eight ports"),
        do=Words("Jouer : les mêmes gestes partent sous chaque architecture.",
                 "Play: the same acts begin under each design."),
        see=Words("Les colonnes : certificats, noms, adresses, ouvertures ; et ce qui s'y passe.",
                  "The columns: certificates, names, addresses, openings; and what happens."),
        means=Words("Où l'on se connecte change ; comment on prouve qui l'on est, non.",
                    "Where one connects changes; how one proves who one is does not."),
        page="/designs", act="traffic",
    ),
    DemoStep(
        title=Words("Un pare-feu", "A firewall"),
        do=Words("Jouer : trois cabinets sur dix bloquent les ports non standard.",
                 "Play: three practices in ten block non-standard ports."),
        see=Words("Sous « Simulé », qui ne peut plus se connecter, par architecture.",
                  "Under “Simulated”, who can no longer connect, by design."),
        means=Words("Huit ports coûtent peu à l'opérateur, et cher à qui est derrière un pare-feu.",
                    "Eight ports cost the operator little, and those behind firewalls much."),
        page="/designs", act="firewall",
    ),
    DemoStep(
        title=Words("Pro Santé Connect tombe", "Pro Santé Connect falls"),
        do=Words("Jouer : il ne répond plus, et quelqu'un essaie quand même.",
                 "Play: it answers nobody, and somebody tries all the same."),
        see=Words("Une connexion retenue puis refusée, avec sa cause et son remède.",
                  "A connection held, then refused, with its cause and its remedy."),
        means=Words("Aucune architecture n'évite cette panne ; elle n'y touche pas les mêmes.",
                    "No design avoids that outage; they differ in whom it reaches."),
        page="/why?method=ecps", act="outage",
    ),
    DemoStep(
        title=Words("Ce que cela coûte", "What it costs"),
        do=Words("Jouer : tout est réparé ; lire le bas des colonnes.",
                 "Play: everything is mended; read the foot of the columns."),
        see=Words("Des euros par an, bas et haut : opérateurs, éditeurs, établissements.",
                  "Euros a year, low and high: operators, editors, sites."),
        means=Words("Ce sont les hypothèses du scénario : leur étendue compte autant que leur"
                    " milieu.",
                    "These are the scenario's assumptions: their range counts as much as their"
                    " middle."),
        page="/designs", act="mend",
    ),
    DemoStep(
        title=Words("Le jumeau", "The twin"),
        do=Words("Comparer, dans une colonne, ce qui est mesuré et ce qui est simulé.",
                 "Compare, within a column, what is measured and what is simulated."),
        see=Words("Deux latences. « mss-sandbox twin demo » dit de combien elles s'écartent.",
                  "Two latencies. `mss-sandbox twin demo` says how far apart they are."),
        means=Words("Un modèle se croit à la mesure de ce qu'il prédit.",
                    "A model is believed as far as what it predicts."),
        page="/designs",
    ),
    DemoStep(
        title=Words("À vous", "Your turn"),
        do=Words("Brancher votre logiciel, casser quelque chose, lire pourquoi.",
                 "Connect your own software, break something, read why."),
        see=Words("Chaque geste de ces pages est aussi un appel de l'API.",
                  "Each act of these pages is a call of the API as well."),
        means=Words("Ce qui reste à décider est à vous.", "What is left to decide is yours."),
        page="/api-page",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoState:
    """Where the demonstration is.

    Attributes:
        step: from 0; -1 when it is not on.
        ok, told, connection: what became of the last act; `ok` is None before one.
        auto: whether it plays by itself.
        version: changes with each of these.
    """

    step: int = -1
    ok: bool | None = None
    told: str = ""
    connection: str = ""
    auto: bool = False
    version: int = 0


class Player:
    """Plays the steps in a space.

    Args:
        watch: of the space.
        designs: that run traffic and comparisons.
        key_of: finds the story of an attempt.

    Attributes:
        state: where it is.
        outcomes: what became of each step's act, since the start.
    """

    def __init__(
        self, watch: SpaceWatch, designs: Designs, key_of: Callable[[MailAttempt], str]
    ) -> None:
        self._watch, self._designs, self._key_of = watch, designs, key_of
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.state = DemoState()
        self.outcomes: dict[int, bool] = {}
        watch.played = lambda: self.state.version

    def go(self, step: int) -> DemoState:
        """Go to a step, from 0; -1 leaves the demonstration.

        Raises:
            UserError: there is no such step.
        """
        if not -1 <= step < len(STEPS):
            raise UserError.expected("step", f"-1 … {len(STEPS) - 1}")
        self._tell(step=step, ok=None, told="", connection="")
        return self.state

    def act(self) -> DemoState:
        """Do what the present step does; return when it is done.

        Raises:
            UserError: no demonstration is on.
        """
        if self.state.step < 0:
            raise UserError("la démonstration n'est pas commencée", "the demonstration is not on")
        act = STEPS[self.state.step].act
        if act in ("cps", "totp", "ecps", "certificat"):
            self._log_in(act)
        elif act == "traffic":
            self._designs.traffic.start(TrafficOrder(rate=2.0, seconds=60.0))
            self._tell(ok=True)
        elif act == "firewall":
            self._designs.comparing.compare(Choices(blocked=0.3))
            self._tell(ok=True)
        elif act == "outage":
            self._watch.breakage.add([{"service": "psc", "fault": "down"}])
            self._log_in("ecps", newest=True)
        elif act == "mend":
            self.mend()
            self._tell(ok=True)
        return self.state

    def mend(self) -> None:
        """Have everything be as before the demonstration."""
        self._designs.traffic.stop()
        self._watch.breakage.clear()

    def play(self, pace: float = PACE) -> None:
        """Play all steps in a thread, `pace` seconds each at least; telephones are answered."""
        self.stop()
        self._over.clear()
        self._thread = threading.Thread(
            target=self._play, args=(pace,), name="console-demo", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Play no more by itself."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.state.auto:
            self._tell(auto=False)

    def wait(self) -> None:
        """Return when it has played to its end."""
        if self._thread is not None:
            self._thread.join()

    def _play(self, pace: float) -> None:
        self._tell(auto=True)
        for number, step in enumerate(STEPS):
            end = time.monotonic() + pace
            self.go(number)
            done = threading.Event()
            if step.act == "ecps":
                threading.Thread(target=self._answer, args=(done,), daemon=True).start()
            self.act()
            done.set()
            if self._over.wait(max(0.0, end - time.monotonic())):
                break
        self.mend()
        self._tell(auto=False)

    def _answer(self, done: threading.Event) -> None:
        """Pick the right number on the telephone of who logs in, and on nobody else's."""
        providers = self._watch.space.providers()
        accounts = self._watch.space.sheet["accounts"]
        mine = self._address("ecps")
        (identity,) = (
            each["holders"][0]["identity"] for each in accounts if each["address"] == mine
        )
        while not done.wait(0.2) and not self._over.is_set():
            for ring in people.ringing(providers):
                if not ring.provider and ring.identity == identity:
                    with contextlib.suppress(UserError):  # somebody in the room was quicker
                        people.decide(providers, "", ring.ticket, "approve", ring.number)

    def _address(self, method: str, *, newest: bool = False) -> str:
        """Return the first mailbox that a method opens, or the last."""
        return people.holding(self._watch.space.sheet["accounts"], method)[-1 if newest else 0]

    def _log_in(self, method: str, *, newest: bool = False) -> None:
        """Log in as the first who has a method, or the last: one approval opens more sessions."""
        address = self._address(method, newest=newest)
        attempt = log_in(self._watch.space.sheet, {"address": address, "method": method})
        self._tell(ok=attempt.ok, told=attempt.told, connection=self._key_of(attempt))

    def _tell(self, **changes: Any) -> None:
        with self._lock:
            values = {
                name: getattr(self.state, name)
                for name in ("step", "ok", "told", "connection", "auto")
            }
            self.state = DemoState(**{**values, **changes}, version=self.state.version + 1)
            if self.state.ok is not None:
                self.outcomes[self.state.step] = self.state.ok

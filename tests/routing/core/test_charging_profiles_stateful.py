"""Random profiles of three backoffices on one charger: nobody ever changes what is another's.

The charger follows the rules of its version (``profiles_charger``). After each step it holds exactly what
the backoffices were told that it does, under what they call it, and the proxy's own limit.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, event, route, start, stop
from tests.routing.core.profiles_charger import Charger, clears, sets

NAMES = st.sampled_from(["billing", "energy", "third"])
NUMBERS = st.integers(0, 3)
LEVELS = st.integers(0, 4)
PURPOSES = st.sampled_from(["Max", "TxDefaultProfile", "TxProfile"])
SCOPES = st.integers(0, 2)
ALLOWED = st.dictionaries(
    st.sampled_from(["ChargePointMaxProfile", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]),
    st.sampled_from([Verdict.ALLOW, Verdict.DENY]),
    max_size=2,
)

Told = dict[int, tuple[str, int, int]]
"""What a backoffice believes the charger to have: its id, and purpose, its stackLevel, connector or EVSE."""


class Profiles(RuleBasedStateMachine):
    """Three backoffices, one charger."""

    @initialize(
        version=st.sampled_from(["1.6", "2.0.1", "2.1"]),
        mode=st.sampled_from(["split", "banded"]),
        limit=st.sampled_from([None, 16.0]),
        energy=ALLOWED,
        third=ALLOWED,
    )
    def begin(self, version: str, mode: Any, limit: float | None, energy: Any, third: Any) -> None:
        def permissions(allowed: dict[str, Verdict]) -> dict[str, Verdict]:
            return {f"SetChargingProfile:{purpose}": verdict for purpose, verdict in allowed.items()}

        self.world = World(
            BILLING,
            route(2, "energy", Role.CONTROL, permissions(energy)),
            route(3, "third", Role.CONTROL, permissions(third)),
            version=version,
            options=ChargerOptions(smart_charging=mode, max_current=limit, billing_stack_levels=1),
        )
        self.limit = limit
        self.charger = Charger(self.world)
        self.world.boot()
        self.world.wait(40)
        self.told: dict[str, Told] = {"billing": {}, "energy": {}, "third": {}}
        self.running: dict[int, str] = {}
        self.seq = 0

    @rule(connector=st.integers(1, 2))
    def session_begins(self, connector: int) -> None:
        if connector in self.running:
            return
        self.seq += 1
        if self.world.version == "1.6":
            answer = self.world.call("StartTransaction", start(connector, meter=self.seq))
            self.running[connector] = str(answer[2]["transactionId"])
        else:
            number = self.running[connector] = f"T-{self.seq}"
            self.world.call("TransactionEvent", event("Started", 0, number, "CARD", evse={"id": connector}))

    @rule(connector=st.integers(1, 2))
    def session_ends(self, connector: int) -> None:
        number = self.running.pop(connector, None)
        if number is None:
            return
        if self.world.version == "1.6":
            self.world.call("StopTransaction", stop(int(number), meter=self.seq))
        else:
            self.world.call("TransactionEvent", event("Ended", 1, number))
        for told in self.told.values():
            for key, (purpose, _, scope) in list(told.items()):
                if purpose == "TxProfile" and scope == connector:
                    del told[key]
        for key, one in list(self.charger.profiles.items()):
            if one["chargingProfilePurpose"] == "TxProfile" and one["scope"] == connector:
                del self.charger.profiles[key]

    @rule(name=NAMES, number=NUMBERS, purpose=PURPOSES, level=LEVELS, scope=SCOPES)
    def sets_profile(self, name: str, number: int, purpose: str, level: int, scope: int) -> None:
        more: dict[str, Any] = {}
        if purpose == "TxProfile":
            scope = max(scope, 1)
            if scope not in self.running:
                return
            if self.world.version != "1.6":
                more["transactionId"] = self.running[scope]
        others = self.of_others(name)
        if sets(self.world, name, number, purpose, level, 32.0, scope=scope, **more) == "Accepted":
            told = self.told[name]
            told[number] = (purpose, level, scope)
            for other, known in list(told.items()):
                if self.world.version == "1.6" and other != number and known == told[number]:
                    del told[other]
        assert self.of_others(name) == others

    @rule(
        name=NAMES,
        number=st.none() | NUMBERS,
        purpose=st.none() | PURPOSES,
        level=st.none() | LEVELS,
        scope=st.none() | SCOPES,
    )
    def clears_profiles(
        self, name: str, number: int | None, purpose: str | None, level: int | None, scope: int | None
    ) -> None:
        told, others = self.told[name], self.of_others(name)
        gone = [
            key
            for key, known in told.items()
            if (key == number if number is not None else self.match(known, purpose, level, scope))
        ]
        status = clears(self.world, name, number, purpose=purpose, level=level, scope=scope)
        assert status == ("Accepted" if gone else "Unknown")
        for key in gone:
            del told[key]
        assert self.of_others(name) == others

    @rule()
    def charger_boots(self) -> None:
        kept = {n: p for n, p in self.charger.profiles.items() if p["chargingProfilePurpose"] == "TxProfile"}
        if self.world.version == "1.6":
            self.charger.profiles = kept  # some forget them
        self.world.disconnect()
        self.world.boot()
        self.world.wait(40)

    @rule()
    def proxy_restarts(self) -> None:
        self.world.restart()
        self.world.connect()
        self.world.wait(10)

    @staticmethod
    def match(known: tuple[str, int, int], *criteria: Any) -> bool:
        return all(asked is None or asked == is_ for asked, is_ in zip(criteria, known, strict=True))

    def of_others(self, name: str) -> dict[int, Any]:
        """What the charger has of everybody else."""
        key = next(r.key for r in self.world.routes if r.backoffice == name)
        own = {
            int(i)
            for (_, i, of), row in self.world.database.identifiers.items()
            if of == key and not row.closed
        }
        return {n: p for n, p in self.charger.profiles.items() if n not in own}

    @invariant()
    def the_charger_has_what_everybody_was_told(self) -> None:
        if not hasattr(self, "told"):
            return
        rows = self.world.database.identifiers.values()
        believed = {
            (name, number, purpose, scope)
            for name, told in self.told.items()
            for number, (purpose, _, scope) in told.items()
        }
        held = set()
        for charger_id, one in self.charger.profiles.items():
            owner = [
                r
                for r in rows
                if r.kind == "profile" and r.charger_identifier == str(charger_id) and not r.closed
            ]
            purpose = one["chargingProfilePurpose"]
            purpose = "Max" if purpose.endswith("MaxProfile") else purpose
            if not owner:
                assert (self.limit, purpose, one["stackLevel"]) == (16.0, "Max", 0), one
                continue
            names = {r.key: r.backoffice for r in self.world.routes}
            held.add((names[owner[0].route], int(owner[0].route_identifier), purpose, one["scope"]))
        assert held == believed
        limits = [self.charger.limits(p) for p in ("ChargePointMaxProfile", "ChargingStationMaxProfile")]
        assert self.limit is None or all(value <= 16.0 for by_level in limits for value in by_level.values())


TestProfiles = Profiles.TestCase
TestProfiles.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

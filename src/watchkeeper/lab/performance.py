"""One drill as it plays: an agenda of what is due when, and what happened."""

import heapq
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from watchkeeper.errors import SourceUnavailable
from watchkeeper.lab.faults import BEGINNINGS, MAIN_ENDPOINT, broken_release, dependency_of
from watchkeeper.lab.layout import CALLS, SERVICES, Layout, neighbours
from watchkeeper.lab.releases import deployed, next_version, post
from watchkeeper.lab.shop.settings import Release
from watchkeeper.lab.supervisor import Shop
from watchkeeper.lab.symptoms import first_felt, read_requests
from watchkeeper.lab.truth import Drill, Truth

WARM_UP_SECONDS = 20.0
TICK_SECONDS = 0.2
OVERLAP_SECONDS = 1.5
DOWN_SECONDS = 6.0
UP_SECONDS = (15.0, 24.0)


class Agenda:
    """What is due when, in seconds since it was begun."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it then."""
        self._count += 1
        heapq.heappush(self._due, (seconds, self._count, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it that much later than now."""
        self.at(self.now() + seconds, action)

    def now(self) -> float:
        """Seconds since it was begun."""
        return time.monotonic() - self._began

    def play(self, until: float, between: Callable[[], None]) -> None:
        """Do all that is due until then, looking around in between."""
        while self.now() < until:
            while self._due and self._due[0][0] <= self.now():
                heapq.heappop(self._due)[2]()
            between()
            time.sleep(TICK_SECONDS)


class Performance:
    """Plays one drill in a shop that runs but is not open yet."""

    def __init__(self, drill: Drill, shop: Shop, layout: Layout, say: Callable[[str], None]) -> None:
        self._drill, self._shop, self._layout, self._say = drill, shop, layout, say
        self._chance = random.Random(f"{drill.kind}/{drill.service}/{drill.seed}")
        self._seconds = drill.minutes * 60
        self._agenda = Agenda()
        self._expected_dead: set[str] = set()
        self._innocent: list[str] = []
        self._guilty: str | None = None
        self._onset: datetime | None = None

    def play(self) -> Truth:
        """Let the shoppers in, break what is to be broken, and tell what happened."""
        warm = min(WARM_UP_SECONDS, 0.1 * self._seconds)
        onset = self._seconds * self._chance.uniform(0.5, 0.6)
        self._plan_innocent_deploys(onset, warm)
        if self._drill.service is not None:
            self._agenda.at(onset, self._break)
        begins = datetime.now(UTC) + timedelta(seconds=warm)
        self._shop.open_doors()
        self._say(f"the shop is open for {self._drill.minutes:g} minutes")
        self._agenda.play(self._seconds, self._look_around)
        return self._truth(begins, datetime.now(UTC))

    def _plan_innocent_deploys(self, onset: float, warm: float) -> None:
        target = self._drill.service
        if target is None and self._drill.deploys is not None:
            self._spread_deploys(self._drill.deploys, warm)
        elif target is None:
            for _ in range(self._chance.choice((0, 1, 1, 2))):
                self._plan_deploy(self._chance.choice(SERVICES), self._chance.uniform(warm + 10, self._seconds * 0.85))
        elif self._drill.kind == "slow-dependency":
            nearby = [target, *(name for name, callees in CALLS.items() if target in callees)]
            self._plan_deploy(self._chance.choice(nearby), onset - min(60.0, 0.2 * self._seconds))
        elif self._chance.random() < 0.5:
            others = [name for name in SERVICES if name != target]
            service = self._chance.choice(others + 2 * list(neighbours(target)))
            is_before = self._chance.random() < 0.6
            shift = -self._chance.uniform(0.1, 0.25) if is_before else self._chance.uniform(0.1, 0.2)
            self._plan_deploy(service, onset + shift * self._seconds)

    def _spread_deploys(self, count: int, warm: float) -> None:
        """One in each of as many equal stretches, never at its very edges."""
        each = (self._seconds - warm) / max(1, count)
        for i in range(count):
            self._plan_deploy(self._chance.choice(SERVICES), warm + each * (i + self._chance.uniform(0.3, 0.7)))

    def _plan_deploy(self, service: str, at: float) -> None:
        def go() -> None:
            version = next_version(self._chance, self._shop.releases[service].version)
            self._deploy(service, replace(self._shop.releases[service], version=version), self._innocent.append)

        self._agenda.at(at, go)

    def _break(self) -> None:
        service, kind, size = self._drill.service, self._drill.kind, self._drill.size
        assert service is not None
        self._say(f"{kind} begins on {service}")
        release = broken_release(kind, service, size, next_version(self._chance, self._shop.releases[service].version))
        if release is not None:
            self._deploy(service, release, self._blame)
            self._onset = datetime.now(UTC)
            return
        self._onset = datetime.now(UTC)
        if kind == "crash":
            self._expected_dead.add(service)
            self._crash(service)
        else:
            BEGINNINGS[kind](self._shop, service, size)

    def _crash(self, service: str) -> None:
        self._shop.kill(service)
        down = DOWN_SECONDS * self._drill.size * self._chance.uniform(0.8, 1.2)
        self._agenda.after(down, lambda: self._shop.restart(service))
        self._agenda.after(down + self._chance.uniform(*UP_SECONDS), lambda: self._crash(service))

    def _blame(self, change_id: str) -> None:
        self._guilty = change_id

    def _deploy(self, service: str, release: Release, note: Callable[[str], None]) -> None:
        """Start the new version beside the old one; a little later the old one ends and the change is posted."""
        began = datetime.now(UTC)
        self._say(f"deploying {service} {release.version}")
        self._shop.begin_deploy(service, release)

        def finish() -> None:
            self._shop.end_deploy()
            change = deployed(self._chance, service, release.version, began, datetime.now(UTC))
            post(change, self._layout.endpoint, self._layout.headers)
            note(change.id)

        self._agenda.after(OVERLAP_SECONDS, finish)

    def _look_around(self) -> None:
        dead = [name for name in self._shop.dead() if name not in self._expected_dead]
        if dead:
            raise SourceUnavailable(f"these processes of the lab ended by themselves: {', '.join(dead)}")

    def _truth(self, begins: datetime, ends: datetime) -> Truth:
        drill = self._drill
        symptom, note = self._symptom(begins)
        is_release = drill.kind in ("bad-deploy", "error-deploy")
        return Truth(
            kind=drill.kind,
            service=drill.service,
            dependency=dependency_of(drill.service) if drill.service and drill.kind == "slow-dependency" else None,
            endpoint=MAIN_ENDPOINT[drill.service] if drill.service and is_release else None,
            size=drill.size,
            seed=drill.seed,
            minutes=drill.minutes,
            change_id=self._guilty,
            innocent_changes=tuple(self._innocent),
            begins=begins,
            fault_onset=self._onset,
            symptom_onset=symptom,
            symptom_note=note,
            ends=ends,
        )

    def _symptom(self, begins: datetime) -> tuple[datetime | None, str | None]:
        if self._onset is None or self._drill.service is None:
            return None, None
        if self._drill.kind in ("crash", "memory-leak", "silence"):
            return self._onset, "the fault shows from its first moment"
        for name in (self._drill.service, "load"):
            felt = first_felt(read_requests(self._shop.records_of(name)), begins, self._onset)
            if felt is not None:
                return max(felt, self._onset), f"the first request of {name} in the first 5 s that were clearly wrong"
        return self._onset, "no requests went clearly wrong: this is the onset of the fault"

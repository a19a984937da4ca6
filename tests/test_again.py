"""An incident diagnosed again: by the pipeline, on request, and by the server's loop."""

from made_shop import Shop, at
from watchkeeper.diagnosis.audit import audit
from watchkeeper.domain import CaseFile, Signal
from watchkeeper.pipeline import READINGS, diagnose, diagnose_again
from watchkeeper.tables import table_of
from watchkeeper.telemetry.recording import store_of
from watchkeeper.telemetry.sources import Answer, Cancel, ChangeQuery
from watchkeeper.telemetry.store import Store

NOTICED = 290.0


def shop(seconds: int = 420) -> Shop:
    return Shop(seconds=seconds, slow={"checkout": 150})


def first_look(store: Store) -> CaseFile:
    return diagnose(Signal(kind="anomaly", at=at(NOTICED), service="gateway"), store, now=at(NOTICED))


def test_a_second_diagnosis_is_put_behind_the_first_with_evidence_of_its_own():
    store = shop().store()
    case = first_look(store)
    again = diagnose_again(case, store, now=at(410), occasion="after 2 minutes")
    assert [d.occasion for d in again.diagnoses] == ["signal", "after 2 minutes"]
    assert again.diagnoses[0] == case.diagnoses[0]
    assert again.evidence[: len(case.evidence)] == case.evidence
    assert len({e.id for e in again.evidence}) == len(again.evidence)
    assert again.diagnoses[1].hypotheses[0].component == "checkout"
    assert again.incident.window.end > case.incident.window.end
    assert audit(again, store, READINGS) == ()


class LateChanges:
    """A store to which a change is posted after the first look."""

    def __init__(self, store: Store, later: Store) -> None:
        self.store, self.later = store, later
        self.is_posted = False

    def changes(self, query: ChangeQuery, cancel: Cancel | None = None) -> Answer:
        return (self.later if self.is_posted else self.store).changes(query, cancel)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def test_a_change_that_was_posted_late_is_blamed_the_second_time_and_that_is_said():
    deployed = shop()
    deployed.deploy("checkout", 237, "1.1.0")
    with_change = deployed.store()
    deployed.changes = []
    sources = LateChanges(deployed.store(), with_change)
    case = first_look(sources)  # type: ignore[arg-type]
    assert case.diagnoses[0].release.status == "not-release-related"
    sources.is_posted = True
    again = diagnose_again(case, sources, now=at(300), occasion="late change")  # type: ignore[arg-type]
    assert again.diagnoses[1].release.status == "caused"
    assert "a release is blamed (checkout-1.1.0) now, not release related before" in again.diagnoses[1].changed


def test_that_it_is_over_is_told_and_what_it_was_stays_explained():
    store = Shop(seconds=1500, onset=240, slow={"checkout": 150}).store()
    case = first_look(store)
    calm = Shop(seconds=1500, onset=10_000).tables()
    ended = at(320)
    mixed = {
        name: [row for row in Shop(seconds=1500, slow={"checkout": 150}).tables()[name] if row["time"] < ended]  # type: ignore[operator]
        + [row for row in calm[name] if row["time"] >= ended]  # type: ignore[operator]
        for name in ("spans", "metrics", "logs")
    }
    over = store_of({name: table_of(name, rows) for name, rows in mixed.items()})  # type: ignore[arg-type,misc]
    again = diagnose_again(case, over, now=at(1500), occasion="after 15 minutes")
    assert again.diagnoses[1].changed[0] == "no symptom stands out any more: it seems to be over"
    assert again.diagnoses[1].hypotheses[0].component == "checkout"

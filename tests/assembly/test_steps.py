"""The steps of a look into an incident, over a shop's telemetry and records in a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from killed_worker import NOW, opened_case
from made_investigations import interrupted
from made_shop import Shop
from watchkeeper import settings
from watchkeeper.agents.scripted import ScriptedModel, scripted_client
from watchkeeper.assembly.investigating import open_investigator
from watchkeeper.assembly.steps import IncidentSteps, said
from watchkeeper.domain import CaseFile
from watchkeeper.records.store import Records
from watchkeeper.settings import Settings
from watchkeeper.telemetry.store import Store

FIRST = "INC-2026-0001"
CANNOT_SAY = '{"hypotheses": [], "inconclusive_because": "the tools showed nothing more", "sentences": []}'
TURNS = ["Nothing more is to be seen.", CANNOT_SAY]


@pytest.fixture(scope="module")
def store() -> Store:
    return Shop(slow={"checkout": 150}).store()


@pytest.fixture
def records(home: Path) -> Iterator[Records]:
    with Records.open(home / "records.sqlite") as opened:
        opened.save(opened_case(1))
        yield opened


def steps_of(
    records: Records,
    store: object,
    chosen: Settings | None = None,
    put: Callable[[str], int] = lambda _: 0,
    **how: object,
) -> IncidentSteps:
    return IncidentSteps(
        chosen or settings.load(),
        store,  # type: ignore[arg-type]
        lambda: records,
        lambda _: None,
        plan_and_put=put,
        clock=lambda: NOW,
        **how,  # type: ignore[arg-type]
    )


def look(steps: IncidentSteps, occasion: str = "signal") -> None:
    before = steps.begin(FIRST, occasion)
    steps.gather(FIRST, occasion, before)
    steps.diagnose(FIRST, occasion, before)
    steps.route(FIRST)
    steps.draft(FIRST)
    steps.deliver(FIRST)


def test_an_open_incident_is_diagnosed_routed_and_drafted(records: Records, store: Store, home: Path) -> None:
    put: list[str] = []
    steps = steps_of(records, store, put=lambda incident: put.append(incident) or 1)
    assert steps.begin(FIRST, "signal") == 0
    assert records.case(FIRST).incident.state == "investigating"
    look(steps)
    case = records.case(FIRST)
    assert case.incident.state == "diagnosed"
    assert [each.occasion for each in case.diagnoses] == ["signal"]
    assert case.diagnoses[0].hypotheses[0].component == "checkout"
    assert case.assignment is not None
    assert {each.kind for each in case.drafts} >= {"ticket", "post-mortem"}
    assert (home / "cases" / FIRST / "ticket.md").exists()
    assert put == [FIRST]


def test_each_step_done_twice_leaves_what_it_left_once(records: Records, store: Store) -> None:
    steps = steps_of(records, store)
    look(steps)
    once = records.case(FIRST)
    for _ in range(2):
        steps.gather(FIRST, "signal", 0)
        steps.diagnose(FIRST, "signal", 0)
        steps.route(FIRST)
        steps.draft(FIRST)
    assert records.case(FIRST) == once


def test_a_second_look_tells_its_occasion_without_its_number(records: Records, store: Store) -> None:
    steps = steps_of(records, store)
    look(steps)
    look(steps, "worsened 17")
    assert [each.occasion for each in records.case(FIRST).diagnoses] == ["signal", "worsened"]
    assert said("after 2 minutes") == "after 2 minutes"


class Broken:
    """Telemetry whose adapter has a bug."""

    def __getattr__(self, name: str) -> object:
        raise TypeError("a bug")


def test_a_bug_in_the_rules_is_a_diagnosis_that_says_so(records: Records) -> None:
    look(steps_of(records, Broken()))
    case = records.case(FIRST)
    assert case.diagnoses[0].inconclusive_because == "the diagnosis failed, which is a fault of watchkeeper (TypeError)"
    assert case.drafts


def test_a_case_from_a_recording_is_left_alone(records: Records, store: Store) -> None:
    incident = opened_case(2).incident.model_copy(update={"is_recorded": True})
    records.save(CaseFile(incident=incident))
    steps = steps_of(records, store)
    assert steps.gather(incident.id, "signal", 0) == "its telemetry lies in a recording, which is not here"
    assert records.case(incident.id).diagnoses == ()


def with_model(turns: list[object], chosen: Settings, asked: list[object]) -> dict[str, object]:
    model = ScriptedModel(turns=turns)
    asked.append(model)
    return {
        "open_model": lambda: open_investigator(
            chosen, lambda _: None, client_of=lambda spent: scripted_client(model, already=spent)
        )
    }


@pytest.fixture
def modelled(home: Path) -> Settings:
    return settings.load(flags={"workflows.engine": "model"})


def test_a_model_goes_on_from_what_was_gathered_once(records: Records, store: Store, modelled: Settings) -> None:
    steps = steps_of(records, store, modelled, **with_model(TURNS, modelled, []))
    look(steps)
    case = records.case(FIRST)
    assert [each.cost.engine for each in case.diagnoses] == ["rules", "model"]
    assert steps.diagnose(FIRST, "signal", 0) == "a model has looked further already"
    assert records.case(FIRST).diagnoses == case.diagnoses


def test_a_model_that_was_stopped_in_its_middle_goes_on_and_is_not_asked_again(
    records: Records, store: Store, modelled: Settings
) -> None:
    stopped = steps_of(records, store, modelled, **with_model(interrupted(TURNS, 1), modelled, []))
    stopped.gather(FIRST, "signal", stopped.begin(FIRST, "signal"))
    with pytest.raises(KeyboardInterrupt):
        stopped.diagnose(FIRST, "signal", 0)
    following = steps_of(records, store, modelled, **with_model(TURNS[1:], modelled, []))
    following.diagnose(FIRST, "signal", 0)
    assert [each.cost.engine for each in records.case(FIRST).diagnoses] == ["rules", "model"]

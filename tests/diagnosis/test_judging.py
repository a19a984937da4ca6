from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchkeeper import library, pipeline
from watchkeeper.assembly.sources import latest
from watchkeeper.diagnosis.audit import audit
from watchkeeper.diagnosis.dossier import Dossier
from watchkeeper.diagnosis.findings import Findings, Mitigation, Proposal, ProposedClaim
from watchkeeper.diagnosis.joining import join
from watchkeeper.diagnosis.judging import Judged, bench_of, judge
from watchkeeper.domain import CaseFile, Cost, Diagnosis, Signal, Window
from watchkeeper.evidence.answers import window_text
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.telemetry.recording import open_recording
from watchkeeper.telemetry.sources import RedQuery, Sources

INCIDENTS = library.HOME / "evals" / "incidents"
COST = Cost(engine="model", seconds=1.0, calls=3)
SLOWER = 'first(mean_ms) where service = "{}"'


class Stand:
    """An investigator whose findings are given, and that keeps what they were judged to be."""

    def __init__(self, find: Callable[[Dossier, Ledger], Findings | None]) -> None:
        self.find = find
        self.judged: Judged | None = None

    def investigate(self, dossier: Dossier, ledger: Ledger, sources: Sources) -> Diagnosis:
        findings = self.find(dossier, ledger)
        self.judged = None if findings is None else judge(findings, dossier, ledger, sources)
        bench = bench_of(dossier, ledger, sources)
        return join(dossier, self.judged, bench, notes=("the model was asked",), cost=COST, at=dossier.now)


class World:
    """One recording, diagnosed by the rules at its end; investigated as often as a test wants."""

    def __init__(self, folder: Path, service: str) -> None:
        self.sources = open_recording(folder / "telemetry")
        self.now = latest(self.sources)
        self.signal = Signal(kind="question", at=self.now, service=service, text="the intern purged the ledger")
        self.dossier: Dossier
        self.ledger: Ledger
        self.kept: list[CaseFile] = []
        stand = Stand(self._begin)
        pipeline.diagnose(self.signal, self.sources, now=self.now, investigator=stand, keep=self.kept.append)

    def _begin(self, dossier: Dossier, ledger: Ledger) -> None:
        self.dossier, self.ledger = dossier, ledger

    def investigate(self, stand: Stand) -> CaseFile:
        diagnosis = stand.investigate(self.dossier, self.ledger, self.sources)
        return pipeline.with_investigation(self.dossier, self.ledger, diagnosis)


@pytest.fixture(scope="module")
def deploy() -> Iterator[World]:
    world = World(INCIDENTS / "bad-deploy-checkout", "checkout")
    yield world
    world.sources.close()


@pytest.fixture(scope="module")
def quiet() -> Iterator[World]:
    world = World(INCIDENTS / "nothing-19", "checkout")
    yield world
    world.sources.close()


def services(ledger: Ledger) -> str:
    return next(e.id for e in ledger.evidence if e.question.startswith("How many requests did each service get"))


def slower(ledger: Ledger, service: str, than: float) -> ProposedClaim:
    return ProposedClaim(
        evidence=services(ledger), selector=SLOWER.format(service), operator=">", value=than, about=service
    )


def middle(ledger: Ledger, service: str) -> float:
    row = next(row for row in ledger.rows(services(ledger)).to_pylist() if row["service"] == service)
    return float(row["mean_ms"] + row["mean_ms_before"]) / 2


def proposal(*claims: ProposedClaim, component: str = "checkout", **more: object) -> Findings:
    values = {"component": component, "kind": "latency", "probability": 0.9, "claims": claims, **more}
    return Findings(hypotheses=(Proposal.model_validate(values),))


def test_a_claim_that_sets_the_component_apart_becomes_part_of_the_diagnosis(deploy: World) -> None:
    own = {"selector": 'first(p95_ms) where service = "checkout"', "value": 500}
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400).model_copy(update=own)))
    case = deploy.investigate(stand)
    found = case.diagnoses[-1]
    assert stand.judged is not None
    assert (stand.judged.made, stand.judged.failed) == (1, ())
    assert found.hypotheses[0].proposed_by == "both"
    assert any(c.value == 500 and c.standing == "supports" for c in found.hypotheses[0].claims)
    assert audit(case, deploy.sources, pipeline.READINGS) == ()


def test_the_rules_diagnosis_is_kept_before_and_beside_the_models(deploy: World) -> None:
    case = deploy.investigate(Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400))))
    (kept,) = deploy.kept
    assert [len(kept.diagnoses), len(case.diagnoses)] == [1, 2]
    assert case.diagnoses[0] == kept.latest


def test_a_claim_that_is_false_is_struck_and_told_with_the_true_value(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400), slower(ledger, "checkout", 90_000)))
    found = deploy.investigate(stand).diagnoses[-1]
    assert stand.judged is not None
    (line,) = stand.judged.failed
    assert "asked again" in line
    assert "is 44" in line
    assert (stand.judged.made, len(stand.judged.held)) == (2, 1)
    assert any(struck.claim.value == 90_000 for struck in found.struck)


def test_what_was_so_before_sets_nothing_apart(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "payment", 0.001), component="payment"))
    found = deploy.investigate(stand).diagnoses[-1]
    assert stand.judged is not None
    assert stand.judged.hypotheses == ()
    assert any("so it was before" in line for line in stand.judged.failed)
    assert found.hypotheses[0].component == "checkout"


@pytest.mark.parametrize(
    ("claim", "because"),
    [
        ({"evidence": "e999"}, "there is no evidence e999"),
        ({"selector": "drop table"}, "expected `count()`"),
        ({"selector": "max(nonsense)"}, "no column 'nonsense'"),
        ({"selector": "count()", "operator": "≥", "value": 0}, "true of anything"),
        ({"value": "fast"}, "asked again"),
    ],
)
def test_a_claim_that_makes_no_sense_is_told_so(deploy: World, claim: dict[str, object], because: str) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400).model_copy(update=claim)))
    deploy.investigate(stand)
    assert stand.judged is not None
    assert any(because in line for line in stand.judged.failed)


def test_a_component_that_nothing_names_is_no_cause(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400), component="the-moon"))
    found = deploy.investigate(stand).diagnoses[-1]
    assert "the-moon" not in found.model_dump_json(exclude={"struck"})
    assert stand.judged is not None
    assert stand.judged.failed == ("'the-moon' is no component that evidence names",)


def test_a_component_that_is_named_twice_counts_once_as_most_probable(deploy: World) -> None:
    def find(_: Dossier, ledger: Ledger) -> Findings:
        one = proposal(slower(ledger, "checkout", 400)).hypotheses[0]
        return Findings(hypotheses=(one, one.model_copy(update={"probability": 0.05, "kind": "cpu"})))

    stand = Stand(find)
    deploy.investigate(stand)
    assert stand.judged is not None
    assert [h.component for h in stand.judged.hypotheses] == ["checkout"]
    assert stand.judged.hypotheses[0].probability >= 0.9


def test_a_figure_that_the_rules_gave_already_is_not_told_twice(deploy: World) -> None:
    found = deploy.investigate(Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400)))).diagnoses[-1]
    said = [(c.evidence, c.selector) for c in found.hypotheses[0].claims]
    assert len(said) == len(set(said))


def test_a_change_is_blamed_only_if_its_trial_does_not_clear_it(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400), kind="bad-change", change_id="made-up"))
    deploy.investigate(stand)
    assert stand.judged is not None
    assert "'made-up' is no change that was tried" in stand.judged.failed


def test_what_the_rules_are_sure_of_a_model_cannot_talk_away(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "gateway", middle(ledger, "gateway")), component="gateway"))
    found = deploy.investigate(stand).diagnoses[-1]
    assert found.hypotheses[0].component == "checkout"
    assert found.status == "diagnosed"
    assert any("the model ranks gateway first" in note for note in found.notes)


def test_where_nothing_is_wrong_a_model_can_state_no_cause(quiet: World) -> None:
    def everything(dossier: Dossier, ledger: Ledger) -> Findings:
        asked = RedQuery(window=Window(start=dossier.usual.start, end=dossier.incident.end), step_seconds=5)
        number, _ = ledger.ask("How did services do?", "traces", quiet.sources.red, asked)
        windows = {"usual": window_text(dossier.usual), "incident": window_text(dossier.incident)}
        ledger.read(number, "before and now", {**windows, "by": ["service_name"]})
        found = []
        for row in ledger.rows(number).to_pylist():
            than = (row["mean_ms"] + (row["mean_ms_before"] or 0)) / 2
            claim = slower(ledger, row["service"], than).model_copy(update={"evidence": number})
            found.append(Proposal(component=row["service"], kind="latency", probability=0.95, claims=(claim,)))
        return Findings(hypotheses=tuple(found))

    case = quiet.investigate(Stand(everything))
    assert case.diagnoses[0].status == "nothing-wrong"
    assert case.diagnoses[-1].status != "diagnosed"


def test_without_findings_the_rules_diagnosis_stands_with_what_happened(deploy: World) -> None:
    found = deploy.investigate(Stand(lambda *_: None)).diagnoses[-1]
    rules = deploy.dossier.rules
    assert (found.headline, found.hypotheses) == (rules.headline, rules.hypotheses)
    assert "the model was asked" in found.notes


def test_a_sentence_is_said_with_its_numbers_filled_in(deploy: World) -> None:
    def find(_: Dossier, ledger: Ledger) -> Findings:
        text = f"checkout answers slower than before: {{{{{services(ledger)}: {SLOWER.format('checkout')} | ms}}}}."
        return proposal(slower(ledger, "checkout", 400)).model_copy(update={"sentences": (text,)})

    case = deploy.investigate(Stand(find))
    (said,) = case.diagnoses[-1].explanation
    assert said.startswith("checkout answers slower than before: 4")
    assert audit(case, deploy.sources, pipeline.READINGS) == ()


@pytest.mark.parametrize(
    "sentence",
    [
        "checkout is slow.",
        "checkout takes 447 ms {{e1: count() | count}}.",
        "See http://evil.example/x {{e1: count() | count}}.",
        "Run curl evil and restart {{e1: count() | count}}.",
        "payment caused it {{e1: count() | count}}.",
        "A <script>alert</script> {{e1: count() | count}}.",
        "The intern purged the ledger {{e1: count() | count}}.",
        "`rm -rf` helps {{e1: count() | count}}.",
    ],
)
def test_a_sentence_is_refused_that_says_what_nobody_checked(deploy: World, sentence: str) -> None:
    def find(_: Dossier, ledger: Ledger) -> Findings:
        return proposal(slower(ledger, "checkout", 400)).model_copy(update={"sentences": (sentence,)})

    found = deploy.investigate(Stand(find)).diagnoses[-1]
    assert found.explanation == ()


def test_what_to_do_is_said_only_of_what_is_blamed(deploy: World) -> None:
    def find(_: Dossier, ledger: Ledger) -> Findings:
        return proposal(slower(ledger, "checkout", 400)).model_copy(
            update={"mitigation": Mitigation(kind="restart", target="; evil | sh")}
        )

    stand = Stand(find)
    found = deploy.investigate(stand).diagnoses[-1]
    assert stand.judged is not None
    assert stand.judged.mitigation is None
    assert "evil" not in found.model_dump_json()


def test_an_investigation_goes_on_from_its_dossier(deploy: World) -> None:
    stand = Stand(lambda _, ledger: proposal(slower(ledger, "checkout", 400)))
    whole = deploy.investigate(stand).diagnoses[-1]
    kept = Dossier.model_validate_json(deploy.dossier.model_dump_json())
    resumed = pipeline.resume(kept, deploy.sources, stand).diagnoses[-1]
    assert resumed.model_dump_json() == whole.model_dump_json()


def test_the_moment_of_an_unknown_onset_is_never_early_enough(quiet: World) -> None:
    assert quiet.dossier.latest_onset is None

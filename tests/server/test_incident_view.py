"""What the page of an incident says, on all recorded incidents, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest

from drafts.drafted_cases import RECORDED
from server.hostile_cases import hostile, hostile_alert
from server.made_duty import alert, parcel, recorded_case
from watchkeeper.chat.replies import Said
from watchkeeper.domain import (
    CaseFile,
    Claim,
    Evidence,
    Figure,
    Incident,
    KeptAlert,
    KeptParcel,
    Receipt,
    ReleaseVerdict,
    Rows,
    Signal,
    Verdict,
    Window,
)
from watchkeeper.errors import QueryRejected
from watchkeeper.records.summaries import Deed, NumberedDraft
from watchkeeper.server.pages.incident.verdict import onset_of
from watchkeeper.server.pages.incident.view import Page, page_of
from watchkeeper.server.pages.incident.view.charts import Comparison, Course, Mark, chart_of
from watchkeeper.server.pages.incident.view.told import stretches_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
each_recording = pytest.mark.parametrize("name", [folder.name for folder in RECORDED])


def page(name: str = "bad-deploy-checkout", **more: object) -> Page:
    case = recorded_case(name, 1, NOON)
    return page_of(case, [NumberedDraft(number=n, draft=d) for n, d in enumerate(case.drafts)], **more)  # type: ignore[arg-type]


def undecided() -> CaseFile:
    """The recorded bad deploy, had there been too little to see."""
    case = recorded_case("bad-deploy-checkout", 1, NOON)
    assert case.latest is not None
    release = ReleaseVerdict(status="undetermined", reason="no cause is established")
    changed = {"status": "inconclusive", "inconclusive_because": "too few requests", "release": release}
    return case.model_copy(update={"diagnoses": (case.latest.model_copy(update=changed),)})


def texts(value: object) -> list[str]:
    """Every text anywhere in a view."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple | list):
        return [text for each in value for text in texts(each)]
    return [text for each in vars(value).values() for text in texts(each)] if hasattr(value, "__dict__") else []


@each_recording
def test_the_sentence_is_the_headline_whole_and_first(name: str):
    case = recorded_case(name, 1, NOON)
    assert case.latest is not None
    said = page_of(case).head.text
    assert said.lower() == case.latest.headline.lower()


@each_recording
def test_every_claim_of_the_page_leads_to_evidence_on_the_page(name: str):
    told = page(name)
    cited = {point.evidence for cause in told.causes.ranked for point in (*cause.points, *cause.against)}
    assert cited <= told.proof.known
    assert cited <= {piece.id for piece in told.proof.cited}


@each_recording
def test_all_evidence_is_on_the_page_once(name: str):
    case = recorded_case(name, 1, NOON)
    proof = page_of(case).proof
    shown = [piece.id for piece in (*proof.cited, *proof.failed, *proof.other)]
    assert sorted(shown) == sorted(item.id for item in case.evidence)


@each_recording
def test_the_drawing_shows_who_calls_whom_without_boxes_on_each_other(name: str):
    topology = page(name).topology
    assert {"gateway", "checkout", "cart", "catalog"} <= {node.name for node in topology.nodes}
    assert len({(node.x, node.y) for node in topology.nodes}) == len(topology.nodes)
    assert all(0 <= node.x < topology.width and 0 <= node.y < topology.height for node in topology.nodes)
    assert ("gateway", "checkout") in {(edge.caller, edge.callee) for edge in topology.edges}


def test_the_blamed_component_is_marked_and_a_caller_stands_above_whom_it_calls():
    nodes = {node.name: node for node in page().topology.nodes}
    assert [name for name, node in nodes.items() if node.is_blamed] == ["checkout"]
    assert nodes["gateway"].y < nodes["checkout"].y < nodes["payment"].y


def test_the_release_is_said_in_words():
    assert page().head.release == "release 1.3.6 of checkout did it"
    assert page("crash-cart").head.release == "no release did it"
    assert page_of(undecided()).head.release == "cannot tell whether a release did it"


def test_an_inconclusive_diagnosis_says_why_and_what_would_decide_it():
    head = page_of(undecided()).head
    assert head.kind == "inconclusive"
    assert head.inconclusive_because == "too few requests"
    assert head.settling == ("Roll it back: if the trouble ends, the change did it.",)


def test_what_a_diagnosis_waits_for_is_said_until_the_incident_is_over():
    case = recorded_case("bad-deploy-checkout", 1, NOON)
    assert case.latest is not None
    waiting = case.latest.model_copy(update={"waits_for": ("more of the incident",)})
    is_open = case.incident.model_copy(update={"state": "diagnosed"})
    ended = case.incident.model_copy(update={"state": "resolved"})
    heads = [
        page_of(case.model_copy(update={"diagnoses": (waiting,), "incident": each})).head for each in (is_open, ended)
    ]
    assert [head.waits_for for head in heads] == [("more of the incident",), ()]


def test_where_nothing_is_wrong_there_is_no_cause_and_nothing_to_do():
    told = page("nothing-19")
    assert told.causes.ranked == ()
    assert told.head.facts == ()


def test_the_blamed_deploy_and_the_first_symptom_are_on_the_course_in_order():
    moments = [moment for day in page().course for moment in day.moments]
    assert [moment.kind for moment in moments][:2] == ["change", "onset"]
    assert moments[0].is_cause
    assert "1.3.6 of checkout" in moments[0].text


def test_an_alert_that_came_often_is_two_lines_with_its_count():
    kept = [
        KeptAlert(
            id=n, alert=alert(), received_at=NOON + timedelta(minutes=n), outcome="joined", reason="the same service"
        )
        for n in range(5)
    ]
    lines = [m.text for day in page(alerts=kept).course for m in day.moments if m.kind == "alert"]
    assert lines == ["Alert HighErrorRatio (alertmanager)", "Alert HighErrorRatio, told 5 times: still firing"]


def test_deeds_are_on_the_course_and_in_the_trail():
    deed = Deed(at=NOON, by="ada", deed="approved", incident_id="INC-2026-0001", subject="draft 0 (ticket)")
    told = page(deeds=[deed])
    assert told.trail[0].text == "ada approved draft 0 (ticket)"
    assert "ada approved draft 0 (ticket)" in [m.text for day in told.course for m in day.moments]


def test_a_delivery_stands_with_its_draft_and_its_link_only_where_it_is_a_web_address():
    def sent(link: str) -> str:
        kept = KeptParcel(
            parcel=parcel("INC-2026-0001"), state="delivered", not_before=NOON, created_at=NOON, updated_at=NOON,
            receipt=Receipt(reference="OPS-42", link=link),
        )  # fmt: skip
        return page(parcels=[kept]).papers.drafts[0].sent[0].link

    assert sent("https://jira.example/browse/OPS-42") == "https://jira.example/browse/OPS-42"
    assert sent("javascript:alert(1)") == ""
    assert sent('https://x.example/"onclick="alert(1)') == ""


@pytest.mark.parametrize(("state", "again"), [("failed", True), ("uncertain", True), ("delivered", False)])
def test_only_what_failed_or_is_uncertain_can_be_sent_again(state: str, again: bool):
    kept = KeptParcel(
        parcel=parcel("INC-2026-0001"), state=state, not_before=NOON, created_at=NOON, updated_at=NOON, error="no"
    )  # type: ignore[arg-type]
    assert page(parcels=[kept]).papers.drafts[0].sent[0].can_be_sent_again is again


def test_an_incident_that_nobody_has_diagnosed_says_since_when_it_is_looked_into():
    signal = Signal(kind="alert", at=NOON, service="cart", text="cart is slow")
    window = Window.before(NOON, 60)
    case = CaseFile(incident=Incident(id="INC-2026-0001", signals=(signal,), window=window, state="investigating"))
    told = page_of(case)
    assert told.head.text == "cart is slow, noticed at 12:00:00 UTC. Why is not known yet."
    assert told.judging.diagnosis is None


def test_a_verdict_that_was_given_is_shown():
    case = recorded_case("bad-deploy-checkout", 1, NOON)
    verdict = Verdict(diagnosis=0, judged="wrong", by="ada", at=NOON, true_cause="the bank")
    given = page_of(case.model_copy(update={"verdicts": (verdict,)})).judging.given
    assert given == ("wrong, by ada at 2026-05-04 12:00:00 UTC; true cause: the bank",)


def evidence(*rows: tuple[object, ...], columns: tuple[str, ...]) -> Evidence:
    found = Rows(columns=columns, values=rows, total=len(rows))  # type: ignore[arg-type]
    return Evidence(
        id="e1", question="How?", source="traces", query="SELECT", window=Window.before(NOON, 60), status="found",
        rows=found,
    )  # fmt: skip


def test_rows_over_time_are_a_course_with_the_onset_marked():
    rows = [((NOON + timedelta(seconds=5 * n)).isoformat().replace("+00:00", "Z"), "cart", 10.0 + n) for n in range(6)]
    mark = Mark((NOON + timedelta(seconds=12)).timestamp() * 1000, "first symptom", is_onset=True)
    chart = chart_of(evidence(*rows, columns=("time", "service_name", "mean_ms")), (), (mark,))
    assert isinstance(chart, Course)
    assert [line.name for line in chart.lines] == ["cart"]
    assert len(chart.lines[0].points) == 6
    assert chart.marks == (mark,)


def test_rows_before_and_now_are_compared_in_the_figure_that_the_claim_is_about():
    columns = ("service", "mean_ms_before", "mean_ms", "p95_ms_before", "p95_ms")
    claim = Claim(text="slow", evidence="e1", selector='max(p95_ms) where service = "cart"')
    rows = (("gateway", 9.0, 9.0, 20.0, 21.0), ("cart", 8.0, 9.0, 20.0, 90.0))
    chart = chart_of(evidence(*rows, columns=columns), (claim,), ())
    assert isinstance(chart, Comparison)
    assert chart.measure == "p95 latency"
    assert [(bar.name, bar.before, bar.now, bar.is_cited) for bar in chart.bars] == [
        ("cart", 20.0, 90.0, True),
        ("gateway", 20.0, 21.0, False),
    ]


def test_two_rows_of_one_moment_are_no_course():
    rows = [(NOON, "cart", 1.0), (NOON, "cart", 2.0)]
    assert chart_of(evidence(*rows, columns=("time", "service_name", "mean_ms")), (), ()) is None


def test_nothing_of_what_comes_from_outside_steers_the_page_or_floods_it():
    case = hostile(recorded_case("bad-deploy-checkout", 1, NOON))
    kept = KeptAlert(id=1, alert=hostile_alert(alert()), received_at=NOON, outcome="opened", reason="first")
    told = texts(page_of(case, [NumberedDraft(number=0, draft=case.drafts[0])], [kept]))
    assert not [text for text in told if set(text) & set("\x00\x1b\u202e\u2066")]
    assert max(len(text) for text in told) <= 40_000


def test_a_sentence_of_an_answer_says_where_each_figure_is_from_and_stays_whole():
    said = Said(
        text="p95 of cart is 693 ms now.",
        figures=(Figure(text="693 ms", evidence="e15", selector="max(p95_ms)", unit="ms"),),
        evidence=("e15",),
    )
    stretches = stretches_of(said)
    assert "".join(s.text or f"[{s.cites}]" for s in stretches) == "p95 of cart is 693 ms now. [e15]"
    assert [(s.text, s.source) for s in stretches if s.source] == [("693 ms", "e15: max(p95_ms) (ms)")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", None),
        ("12:44:35", NOON.replace(hour=12, minute=44, second=35)),
        ("9:05 UTC", NOON.replace(hour=9, minute=5)),
        ("2026-05-04 11:58", NOON.replace(hour=11, minute=58)),
        ("2026-05-04T13:58+02:00", NOON.replace(hour=11, minute=58)),
    ],
)
def test_an_onset_is_understood_as_it_is_typed(typed: str, meant: datetime | None):
    assert onset_of(typed, NOON) == meant


@pytest.mark.parametrize("typed", ["yesterday", "25:00", "12:61:00"])
def test_what_is_no_time_is_said_to_be_none(typed: str):
    with pytest.raises(QueryRejected, match="is no time"):
        onset_of(typed, NOON)


def test_a_headline_that_says_only_why_it_is_inconclusive_follows_what_was_noticed():
    case = recorded_case("bad-deploy-checkout", 1)
    assert case.latest is not None
    bare = case.latest.model_copy(
        update={
            "status": "inconclusive",
            "headline": "Inconclusive: too few requests",
            "inconclusive_because": "too few requests",
        }
    )
    head = page_of(case.model_copy(update={"diagnoses": (bare,)})).head
    assert head.text.startswith(case.incident.signals[0].text[1:].rstrip("."), 1)
    assert head.text.endswith("UTC. Why is not clear: too few requests.")
    assert (head.inconclusive_because, head.standing, head.sure) == ("", "inconclusive", "")


def test_where_nothing_is_wrong_nothing_is_said_of_releases_or_certainty():
    head = page_of(recorded_case("nothing-19", 1)).head
    assert (head.standing, head.sure, head.release) == ("nothing wrong found", "", "")
    assert head.sentence[0].weight == "strong"

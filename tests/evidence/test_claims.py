"""What may support a cause: a claim that holds when asked again, is about it, and would be false of health."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchkeeper.domain import Claim, Evidence, Reading, Struck, Window
from watchkeeper.errors import SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.claims import Ground, Statement, check, recheck_claim
from watchkeeper.evidence.ledger import Ledger
from watchkeeper.evidence.prose import number_of
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import parse
from watchkeeper.telemetry.sources import Answer, Cancel, RedQuery, SpanQuery

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW = Window.before(NOON, 600)
BEFORE_AND_NOW = pa.table(
    {
        "service": ["cart", "pay", "web", "search", "stock"],
        "mean_ms_before": [20.0, 30.0, 40.0, 10.0, 12.0],
        "mean_ms": [200.0, 31.0, 45.0, 11.0, 12.0],
        "onset": [NOON, NOON + timedelta(seconds=90), NOON, NOON, NOON],
        "share": [0.8, 0.1, 0.05, 0.05, 0.0],
    }
)


class Shop:
    """A source that answers the same two questions every time, or not any more."""

    def __init__(self, *, spans: int = 10, is_down: bool = False) -> None:
        self.rows = spans
        self.is_down = is_down
        self.limits: list[int] = []

    def red(self, query: RedQuery, cancel: Cancel | None = None) -> Answer:
        if self.is_down:
            raise SourceUnavailable("the store is down")
        return Answer(BEFORE_AND_NOW, "SELECT red")

    def spans(self, query: SpanQuery, cancel: Cancel | None = None) -> Answer:
        self.limits.append(query.limit)
        kept = min(self.rows, query.limit)
        rows = {"service_name": ["cart"] * kept, "time": [NOON] * kept}
        return Answer(pa.table(rows), "SELECT spans", is_truncated=kept < self.rows)


def looked_at(shop: Shop) -> tuple[Evidence, ...]:
    ledger = Ledger(readings={"copy": copied})
    ledger.ask("How slow?", "traces", shop.red, RedQuery(window=WINDOW))
    ledger.ask("Which requests?", "traces", shop.spans, SpanQuery(window=WINDOW, limit=5))
    ledger.derive("Whose?", "copy", ("e1",), {}, WINDOW)
    return ledger.evidence


def copied(answers: Answers, reading: Reading) -> pa.Table:
    table = answers.answer(reading.of[0])
    assert table is not None
    return table.select(["service", "share"])


def ground(shop: Shop | None = None) -> Ground:
    source = shop or Shop()
    return Ground(
        recheck=Recheck(looked_at(Shop(spans=source.rows)), source, {"copy": copied}),  # type: ignore[arg-type]
        usual=Window.before(NOON, 300),
        latest_onset=NOON + timedelta(seconds=10),
        edges=frozenset({("web", "cart"), ("cart", "stock")}),
        components=frozenset({"cart", "pay", "web", "search", "stock"}),
    )


def stated(
    selector: str, operator: str, value: object, *, about: str = "cart", evidence: str = "e1", role: str = "cause"
) -> Statement:
    parsed = parse(selector)
    return Statement("it is so", evidence, parsed, operator, value, about, role)  # type: ignore[arg-type]


def standing(statement: Statement, component: str = "cart", shop: Shop | None = None) -> str:
    result = check(statement, component, ground(shop))
    return result.standing if isinstance(result, Claim) else f"struck: {result.because}"


def test_a_figure_that_is_high_now_and_was_not_before_supports():
    assert standing(stated('first(mean_ms) where service = "cart"', ">", 110)) == "supports"


@pytest.mark.parametrize(
    "selector", ["count()", 'count() where service = "cart"', 'first(mean_ms) where service = "cart"']
)
def test_a_tautology_does_not_support(selector: str):
    assert standing(stated(selector, ">", 0)) == "holds"


def test_a_true_claim_about_somebody_else_does_not_support():
    assert standing(stated('first(mean_ms) where service = "cart"', ">", 110), component="search") == "holds"


def test_a_claim_that_says_one_service_and_asks_about_another_does_not_support():
    assert standing(stated('first(mean_ms) where service = "cart"', ">", 110, about="pay"), component="pay") == "holds"


def test_a_claim_about_a_neighbour_on_the_call_graph_supports():
    assert standing(stated('first(mean_ms) where service = "cart"', ">", 110), component="web") == "supports"


def test_what_is_false_when_asked_again_is_struck():
    assert "is 200.0" in standing(stated('first(mean_ms) where service = "cart"', ">", 300))


def test_where_there_is_no_past_a_claim_must_be_false_of_the_peers():
    assert standing(stated('first(share) where service = "cart"', "≥", 0.4, evidence="e3")) == "supports"
    assert standing(stated('first(share) where service = "cart"', "≥", 0.04, evidence="e3")) == "holds"


def test_a_component_alone_in_its_rows_still_has_peers():
    statement = stated('count() where service = "cart" and share > 0.5', "≥", 1, evidence="e3")
    assert standing(statement) == "supports"


def test_rows_are_asked_for_again_in_full():
    shop = Shop(spans=10)
    told = standing(stated('count() where service_name = "cart"', "=", 10, evidence="e2"), shop=shop)
    assert "struck" not in told
    assert shop.limits[-1] >= 10


def test_a_count_of_a_part_of_the_rows_is_struck():
    told = standing(stated('count() where service_name = "cart"', ">", 3, evidence="e2"), shop=Shop(spans=10**6))
    assert "only a part of the rows" in told


def test_an_onset_after_the_first_symptom_does_not_support():
    late = stated('first(onset) where service = "pay"', "before", NOON + timedelta(hours=1), about="pay", role="timing")
    early = stated('first(onset) where service = "cart"', "before", NOON + timedelta(hours=1), role="timing")
    assert (standing(late, "pay"), standing(early)) == ("holds", "supports")


def test_a_source_that_is_down_strikes_what_rested_on_it():
    told = standing(stated('first(mean_ms) where service = "cart"', ">", 110), shop=Shop(is_down=True))
    assert told == "struck: the store is down"


@pytest.mark.parametrize(
    ("selector", "evidence"),
    [("first(nothing)", "e1"), ("count()", "e99"), ('sum(service) where service = "cart"', "e1")],
)
def test_a_claim_that_cannot_be_evaluated_is_struck(selector: str, evidence: str):
    assert standing(stated(selector, ">", 0, evidence=evidence)).startswith("struck")


def test_the_numbers_of_a_claim_are_filled_in_and_lead_to_their_evidence():
    selector = parse('first(mean_ms) where service = "cart"')
    text = f"it takes {number_of('e1', selector, 'ms')}"
    claim = check(Statement(text, "e1", selector, ">", 110, "cart"), "cart", ground())
    assert isinstance(claim, Claim)
    assert claim.text == "it takes 200 ms"
    assert (claim.figures[0].evidence, claim.figures[0].selector) == ("e1", str(selector))


def test_a_number_without_a_source_strikes_the_claim():
    selector = parse('first(mean_ms) where service = "cart"')
    result = check(Statement("it takes 531 ms", "e1", selector, ">", 110, "cart"), "cart", ground())
    assert isinstance(result, Struck)
    assert "has no source" in result.because


def test_a_claim_that_was_kept_can_be_checked_later():
    claim = check(stated('first(mean_ms) where service = "cart"', ">", 110), "cart", ground())
    assert isinstance(claim, Claim)
    assert recheck_claim(claim, ground().recheck) is None
    assert recheck_claim(claim.model_copy(update={"value": 500}), ground().recheck) is not None
    assert recheck_claim(claim, ground(Shop(is_down=True)).recheck) == "the store is down"


def test_a_change_that_was_so_before_is_struck():
    always = stated('first(mean_ms) where service = "cart"', ">", 10)
    assert standing(always) == "holds"
    assert "was so before" in standing(replace(always, is_change=True))

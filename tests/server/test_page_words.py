"""The words and colours of pages: times, durations, certainty; contrast in both modes."""

from datetime import UTC, datetime, timedelta

import pytest

from watchkeeper.domain import DiagnosisStatus, IncidentState, Severity
from watchkeeper.records.summaries import CaseSummary
from watchkeeper.server.pages import style, words

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
READABLE, VISIBLE = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11: contrast of text, and of graphics, to what they stand on."""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "just now"), (60, "1 min ago"), (3599, "59 min ago"), (7200, "2 h ago"), (200_000, "2 days ago"),
     (-300, "in 5 min")],
)  # fmt: skip
def test_a_time_is_said_relative_to_now(seconds: int, text: str) -> None:
    assert words.ago(NOON - timedelta(seconds=seconds), NOON) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1, "1 second"), (60, "1 minute"), (3_900, "1 hour 5 minutes"), (93_600, "1 day 2 hours")],
)
def test_a_duration_is_said_in_words(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("probability", "text"), [(0.95, "almost certain, 95%"), (0.83, "quite sure, 83%"), (0.1, "hardly a guess, 10%")]
)
def test_how_sure_is_said_in_words_and_as_a_number(probability: float, text: str) -> None:
    assert words.sure(probability) == text


def summary(headline: str | None, service: str | None = "cart") -> CaseSummary:
    return CaseSummary(
        incident_id="INC-2026-0001", service=service, state="open", opened_at=NOON, updated_at=NOON, revision=1,
        headline=headline,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("headline", "said"),
    [
        ("mean latency of cart: 900 ms", "Mean latency of cart: 900 ms"),
        ("cart sends nothing", "cart sends nothing"),
        (None, "Something is wrong with cart; it is being looked into."),
        ("Inconclusive: too few requests", "Something is wrong with cart; why is not clear: too few requests"),
    ],
)
def test_a_headline_begins_as_a_sentence_and_a_name_stays_as_it_is(headline: str | None, said: str) -> None:
    assert words.headline(summary(headline)) == said


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        ("investigating", None, "being looked into"),
        ("diagnosed", "inconclusive", "inconclusive"),
        ("investigating", "nothing-wrong", "nothing wrong found"),
        ("mitigated", "inconclusive", "mitigated"),
        ("reopened", "diagnosed", "open again"),
    ],
)
def test_where_an_incident_stands_is_what_is_known_of_it(
    state: IncidentState, status: DiagnosisStatus | None, text: str
) -> None:
    assert words.standing(state, status) == text


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_every_word_can_be_read_on_what_it_stands_on(colours: dict[str, str]) -> None:
    grounds = ("ground", "surface", "raised")
    pairs = [(word, ground) for word in ("ink", "muted", "accent") for ground in grounds]
    pairs += [(tone, f"{tone}-soft") for tone in ("p1", "p2", "p3", "p4", "good", "neutral", "accent")]
    pairs += [("on-accent", "accent")]
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < READABLE] == []


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_what_charts_are_drawn_in_can_be_seen(colours: dict[str, str]) -> None:
    drawn = [name for name in colours if name.startswith("chart-")]
    assert [name for name in drawn if contrast(colours[name], colours["ground"]) < VISIBLE] == []


@pytest.mark.parametrize("severity", ["P1", "P2", "P3", "P4"])
def test_each_severity_has_a_tone_that_the_sheet_knows(severity: Severity) -> None:
    assert f".{style.tone(severity)} {{" in style.sheet()

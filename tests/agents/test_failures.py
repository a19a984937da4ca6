"""Whole investigations over HTTP with an endpoint that fails: whatever it does, there is a diagnosis that says so."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from made_endpoint import Answer, event, hanging_up, refusing, replying, saying, settings_for
from made_investigations import DEPLOY, POOL, dossier_of, fresh_ledger
from made_model import (
    CAUSE,
    FINDINGS,
    KEY,
    KIND,
    REPORT,
    SPECIALISTS,
    TURNS,
    Held,
    calling,
    choosing,
    playing,
    silent,
    small,
)
from watchkeeper.agents.acting import ASTRAY, ENDS_AT, LOOPED, MOST_FAULTS
from watchkeeper.agents.endpoint import open_client
from watchkeeper.agents.events import Event
from watchkeeper.agents.meter import Spent
from watchkeeper.assembly.investigating import Graph, open_investigator
from watchkeeper.domain import Diagnosis
from watchkeeper.settings import Settings

MOST_CALLS = 24
"""More than any investigation here takes."""
RULES_STAND = "this is the rules' diagnosis"
FIRST = TURNS[:1]


class Looked:
    """One investigation over HTTP, and all that was seen of it."""

    def __init__(self, settings: Settings, graph: Graph = "single", name: str = DEPLOY) -> None:
        self.settings, self.graph, self.name = settings, graph, name
        self.slept: list[float] = []
        self.events: list[Event] = []
        self.said: list[str] = []
        self.rules = dossier_of(name)[0].rules

    def run(self) -> Diagnosis:
        dossier, sources = dossier_of(self.name)
        with open_investigator(
            self.settings, self.said.append, graph=self.graph, on_event=self.heard, client_of=self.client_of
        ) as investigator:
            return investigator.investigate(dossier, fresh_ledger(dossier, sources), sources)

    def client_of(self, spent: Spent) -> Any:
        return open_client(self.settings, already=spent, sleep=self.slept.append)

    def heard(self, event: Event) -> None:
        self.events.append(event)

    def notes_of(self, found: Diagnosis) -> tuple[str, ...]:
        """What was said about the model: the rules' own notes come first."""
        return found.notes[len(self.rules.notes) :]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(scope="module")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose runbooks are indexed once for all tests; each investigation has a thread of its own in it."""
    return tmp_path_factory.mktemp("shelved")


def require_rules_stand(found: Diagnosis, looked: Looked) -> None:
    rules = looked.rules
    assert (found.status, found.headline) == (rules.status, rules.headline)
    assert (found.hypotheses[0].component, found.hypotheses[0].proposed_by) == (CAUSE, "rules")
    assert found.cost.engine == "model"


def require_no_key(found: Diagnosis, looked: Looked, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = capfd.readouterr()
    told = [found.model_dump_json(), repr(looked.events), repr(looked.said), shown.out, shown.err]
    kept = [path.read_bytes().decode("latin-1") for path in home.rglob("*.sqlite*")]
    assert not [text for text in (*told, *kept) if KEY in text]
    assert "Traceback" not in shown.err


HUNG_UP, BROKE_OFF = "hung up", "broke off in the middle of its reply"
GARBLED = "data: {this is no JSON\n\n"
TOO_LONG = refusing(400, "This model's maximum context length is 4096 tokens", "context_length_exceeded")
HTML = saying("<html><title>Welcome to nginx!</title></html>")
LIMITED = refusing(429, "slow down", retry_after="7")
TELLING = refusing(500, f"cannot verify {KEY}")
UNPAID = refusing(429, "You exceeded your current quota", "insufficient_quota")
LOADING = refusing(503, "loading the model", retry_after="600")
ELSEWHERE = refusing(302, "moved", location="https://elsewhere.example/v1")
NO_TOOLS = refusing(400, "gemma does not support tools")

STOPS: dict[str, tuple[Answer, str]] = {
    "it hangs up": (silent, HUNG_UP),
    "its stream is cut": (hanging_up(event(content="It is")), HUNG_UP),
    "its stream ends early": (replying("It is the", ends=False), BROKE_OFF),
    "it limits requests": (LIMITED, "limits requests (429), it asks to wait 7 s, tried 3 times"),
    "it fails": (TELLING, "answered 500: cannot verify [redacted:key], tried 3 times"),
    "it is loading for long": (LOADING, "answered 503: loading the model, it asks to wait 600 s"),
    "the money is gone": (UNPAID, "has no quota left for this key (429)"),
    "it sends a page": (HTML, "does not answer as an OpenAI-compatible endpoint does"),
    "it garbles its stream": (saying(GARBLED, "text/event-stream"), "does not answer as an OpenAI-compatible"),
    "it knows no such model": (refusing(404, "no model made-model"), "knows no such model or path (404)"),
    "it refuses the key": (refusing(401, f"bad key {KEY}"), "refuses the key in $OPENAI_API_KEY (401)"),
    "it sends elsewhere": (ELSEWHERE, "sends elsewhere (302), which is not followed"),
    "it has less context": (TOO_LONG, "the conversation is too long for it: set model.context_tokens lower"),
    "it has no tools": (NO_TOOLS, "answered 400: gemma does not support tools"),
}
"""What ends an investigation, and how it is told."""
AFTER = {
    "at the first call": (0, "the model gave no answer"),
    "in the middle": (1, "the model stopped answering after"),
    "at the findings": (REPORT, "the model stopped answering after"),
}
HOW_OFTEN = [*((name, "in the middle") for name in STOPS), *(("it hangs up", when) for when in AFTER)]
HOW_OFTEN += [("it refuses the key", "at the first call"), ("it fails", "at the findings")]


@pytest.mark.parametrize(("what", "when"), sorted(set(HOW_OFTEN)))
def test_an_endpoint_that_fails_leaves_the_rules_and_a_sentence_about_it(
    what: str, when: str, shelved: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (answer, reason), (at, how) = STOPS[what], AFTER[when]
    with playing(*TURNS[:at], *itertools.repeat(answer, MOST_CALLS)) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url))
        found = looked.run()
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert note.startswith(how)
    assert reason in note
    assert note.endswith(RULES_STAND)
    assert [event.text for event in looked.events if event.kind == "trouble"] == [note.removesuffix(f"; {RULES_STAND}")]
    require_no_key(found, looked, shelved, capfd)


def test_an_endpoint_that_is_pulled_away_in_the_middle_is_said(shelved: Path) -> None:
    with ExitStack() as stack:
        endpoint = stack.enter_context(playing(*TURNS))
        looked = Looked(settings_for(shelved, endpoint.base_url))

        def pulled_away(event: Event) -> None:
            looked.events.append(event)
            if event.kind == "found":
                stack.close()

        looked.heard = pulled_away  # type: ignore[method-assign]
        found = looked.run()
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert "stopped answering after 1 call" in note
    assert "cannot be reached" in note
    assert found.cost.calls == 1


def test_an_endpoint_that_never_was_there_is_said(shelved: Path) -> None:
    with playing() as endpoint:
        gone = endpoint.base_url
    looked = Looked(settings_for(shelved, gone))
    found = looked.run()
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert note.startswith("the model gave no answer")
    assert "cannot be reached" in note


def test_a_model_that_is_silent_is_given_up_and_not_asked_again(shelved: Path) -> None:
    with playing(Held()) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url, request_timeout_seconds=1))
        found = looked.run()
        assert len(endpoint.received) == 1
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert "did not answer within 1 s" in note


def test_the_time_of_the_run_ends_a_reply_that_never_ends(shelved: Path) -> None:
    with playing(Held()) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url, seconds=1))
        found = looked.run()
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert note.startswith("the model could not be asked")
    assert "1 of 1 seconds" in note


def test_a_rate_limit_that_passes_is_waited_for_and_not_told(shelved: Path) -> None:
    with playing(*FIRST, refusing(429, "slow down", retry_after="7"), *TURNS[1:]) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url))
        found = looked.run()
    assert looked.slept == [7.0]
    assert looked.notes_of(found) == ()
    assert (found.cost.calls, found.hypotheses[0].proposed_by) == (len(TURNS), "both")


@pytest.mark.parametrize("at", range(len(TURNS)))
def test_a_stream_that_breaks_once_is_begun_anew(at: int, shelved: Path) -> None:
    broken = hanging_up(event(content="It is"))
    with playing(*TURNS[:at], broken, *TURNS[at:]) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url))
        found = looked.run()
        assert endpoint.received[at].value == endpoint.received[at + 1].value
    assert looked.notes_of(found) == ()
    assert found.hypotheses[0].proposed_by == "both"


CUT_CALL = replying(calls=[("changes", '{"hours": ')], finish="length")
FILTERED = replying("", finish="content_filter")
REFUSAL = "I cannot help with that."
MISUSED: dict[str, tuple[Sequence[Answer], str]] = {
    "it answers nothing": ([*FIRST, *[replying("")] * MOST_CALLS], "the model answered nothing"),
    "it refuses": ([*FIRST, *[replying(refusal=REFUSAL)] * MOST_CALLS], "the model refused to answer"),
    "it is filtered": ([*FIRST, *[FILTERED] * MOST_CALLS], "filter stopped the answer"),
    "its calls are cut off": ([CUT_CALL] * MOST_CALLS, "cut off in a tool call: its limit of tokens was reached"),
    "its findings are prose": (
        [*TURNS[:REPORT], *[replying("It was the deploy.")] * MOST_CALLS],
        "does not fit what was asked for",
    ),
    "its findings are something else": (
        [*TURNS[:REPORT], *[replying('{"hypotheses": [{"component": 5}]}')] * MOST_CALLS],
        "does not fit what was asked for",
    ),
    "it loops to the end": ([FIRST[0]] * MOST_CALLS, LOOPED),
    "it has nothing to add": ([*TURNS[:REPORT], replying('{"hypotheses": []}')], "nothing to add that holds"),
}


@pytest.mark.parametrize("what", MISUSED)
def test_a_reply_that_cannot_be_used_leaves_the_rules_and_is_told(
    what: str, shelved: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answers, reason = MISUSED[what]
    with playing(*answers) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url))
        found = looked.run()
    require_rules_stand(found, looked)
    notes = looked.notes_of(found)
    assert [note for note in notes if reason in note], notes
    assert notes[-1].endswith(RULES_STAND)
    require_no_key(found, looked, shelved, capfd)


ONE_REFUSED = "1 of the model's tool calls was refused: "
RIGHTED: dict[str, tuple[Sequence[Answer], tuple[str, ...]]] = {
    "an unknown tool": (
        [calling("drop_table", name="spans"), *TURNS],
        (f"{ONE_REFUSED}a tool that there is not",),
    ),
    "malformed arguments": (
        [replying(calls=[("changes", '{"hours": ')]), *TURNS],
        (f"{ONE_REFUSED}arguments that are no JSON",),
    ),
    "a service that there is not": (
        [calling("resources", service="no-such"), *TURNS],
        (f"{ONE_REFUSED}arguments that fit nothing here",),
    ),
    "unknown tools without end": (
        [*(calling(f"nonsense-{n}") for n in range(MOST_FAULTS)), TURNS[REPORT]],
        (ASTRAY, f"{MOST_FAULTS} of the model's tool calls were refused: a tool that there is not"),
    ),
    "the same call again": ([FIRST[0]] * ENDS_AT + [TURNS[REPORT]], (LOOPED,)),
}


@pytest.mark.parametrize("what", RIGHTED)
def test_calls_that_make_no_sense_are_told_and_the_findings_still_count(what: str, shelved: Path) -> None:
    answers, notes = RIGHTED[what]
    with playing(*answers) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url))
        found = looked.run()
        assert len(endpoint.received) == len(answers)
    assert looked.notes_of(found) == notes
    assert (found.hypotheses[0].component, found.hypotheses[0].proposed_by) == (CAUSE, "both")


@pytest.mark.parametrize("at", [0, 1, 3, 5, len(SPECIALISTS) - 1])
def test_specialists_whose_endpoint_fails_leave_the_rules_too(at: int, shelved: Path) -> None:
    with playing(*SPECIALISTS[:at], *itertools.repeat(LIMITED, MOST_CALLS)) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url), graph="specialists")
        found = looked.run()
    require_rules_stand(found, looked)
    (note,) = looked.notes_of(found)
    assert "limits requests (429)" in note
    assert found.cost.calls == at


def test_findings_of_specialists_over_http_are_joined(shelved: Path) -> None:
    with playing(*SPECIALISTS) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url), graph="specialists")
        found = looked.run()
    assert looked.notes_of(found) == ()
    assert (found.hypotheses[0].component, found.hypotheses[0].kind) == (CAUSE, KIND)
    assert (found.hypotheses[0].proposed_by, found.cost.calls) == ("both", len(SPECIALISTS))


SMALL_TOKENS = 8192
CHARACTERS_A_TOKEN = 3.5
WIDE = [("find_traces", "which", "slowest"), ("inside_requests", "what", "own_time"), ("portions", "", "")]


def greedy(service: str) -> Iterator[Answer]:
    """Turns that ask for much at once, of one service after the other."""
    for name in (service, "gateway", "cart", "checkout", "payment"):
        calls = [(tool, json.dumps({"service": name} | ({key: value} if key else {}))) for tool, key, value in WIDE]
        yield replying(calls=calls)
        yield replying(calls=[(tool, json.dumps({"service": name})) for tool in ("search_logs", "callers_and_callees")])
    while True:
        yield replying("I have seen enough.")


@pytest.mark.parametrize("graph", ["single", "specialists"])
@pytest.mark.parametrize(("name", "service"), [(DEPLOY, "checkout"), (POOL, "catalog")])
def test_an_endpoint_of_8k_context_is_never_sent_more(name: str, service: str, graph: Graph, shelved: Path) -> None:
    wide, choices = greedy(service), iter(("monitoring-specialist", "incident-responder", "performance-monitor"))

    def turn(body: dict[str, Any]) -> Answer:
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("name")
        if schema == "Findings":
            return replying(FINDINGS)
        return choosing(next(choices, "report"), "What? " * 90) if schema else next(wide)

    with playing(*itertools.repeat(small(SMALL_TOKENS, CHARACTERS_A_TOKEN, turn), MOST_CALLS)) as endpoint:
        looked = Looked(settings_for(shelved, endpoint.base_url, context_tokens=SMALL_TOKENS), graph, name)
        found = looked.run()
    assert "too long" not in " ".join(found.notes)
    assert "stopped" not in " ".join(found.notes)
    assert found.cost.calls > (4 if graph == "single" else 8)

"""Templates of log lines: what is masked, how lines are told apart, and that a stream of them stays bounded."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_logs import STYLES, lines_of
from watchkeeper.analysis.log_columns import LONGEST, MOST_COLUMNS, Columns, text_of
from watchkeeper.analysis.log_grouping import templates_of
from watchkeeper.analysis.log_templates import OTHER, Templates
from watchkeeper.evaluation.grouping import accuracy, groups_of

HOSTILE = (
    "a",
    " ",
    "1.",
    "a.",
    "/a",
    ":",
    "1:",
    "-",
    "a-1",
    "=",
    'a="',
    "a@",
    "1x",
    "0x",
    "[1",
    "\\",
    "\0",
    "\x1b[",
    "a_",
)
MEGABYTE = 1_000_000


def read(line: str) -> str:
    return text_of(Columns().of(line))


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("user 42 at 10.0.0.7:8080 asked /v1/items?id=3", "user <*> at <*> asked <*>=<*>"),
        ("at 2026-05-04T12:00:00Z in 12.5ms", "at <*> in <*>"),
        ("took 12.5 ms for 3 items", "took <*> for <*> items"),
        ("id 0b9f3c52-7e0e-4a69-8b1c-2f1f7c1f2a77 of 00:1a:2b:3c:4d:5e", "id <*> of <*>"),
        ("GET https://shop.example.com/cart?user=7&x=1 done", "GET <*> done"),
        ("attempt_1445_0020_m_000001_0 ended", "attempt<*> ended"),
        ("retries:3 of host db-1.internal:5432", "retries:<*> of host <*>"),
        ("ids 1 2 3 4 left", "ids <*> left"),
        (r"read C:\Windows\system32\x.dll twice", "read <*> twice"),
        ("on Thu Jun 14 15:16:01 2005 it began", "on <*> it began"),
        ("from ::1 and fe80::1%eth0", "from <*> and <*>"),
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("java.lang.Thread is no host", "java.lang.Thread is no host"),
    ],
)
def test_what_varies_is_masked(line: str, masked: str) -> None:
    assert read(line) == masked


def test_a_key_without_a_value_stays_in_line_with_one_that_has_it() -> None:
    assert len(Columns().of("ruser= rhost=10.0.0.1")) == len(Columns().of("ruser=root rhost="))


def test_a_token_that_looks_like_a_secret_leaves_nothing_of_itself() -> None:
    assert read("key AKIA1234567890ABCDEF used") == "key <*> used"


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_megabyte_is_cut(piece: str) -> None:
    columns = Columns().of(piece * (MEGABYTE // len(piece)))
    assert len(columns) <= MOST_COLUMNS
    assert sum(map(len, columns)) <= 2 * LONGEST


@pytest.mark.parametrize("style", STYLES)
def test_lines_of_many_styles_are_grouped_by_the_statement_that_wrote_them(style: str) -> None:
    lines, statements = lines_of(style, 600)
    assert accuracy(groups_of(lines), statements).value >= 0.95


def test_words_in_a_named_place_are_values_and_states_are_not() -> None:
    lines = [f"task {i} went from {a} to {b}" for i, (a, b) in enumerate([("NEW", "READY"), ("READY", "DONE")] * 9)]
    lines += [f"session opened for user {name}" for name in ("root", "news")]
    assert len(set(groups_of(lines))) == 3


def test_few_words_that_combine_freely_are_values() -> None:
    lines = [f"pump {a} valve {b} state {c}" for a in "abc" for b in "def" for c in "gh"]
    tied = [f"pump {pair} {pair}" for pair in "abc"]
    assert len(set(groups_of(lines))) < 18
    assert len(set(groups_of(tied))) == 3


def test_messages_under_the_same_keys_are_different_statements() -> None:
    said = [
        f'level=info msg="{what}" order={i}' for i, what in enumerate(["paid", "sent", "lost", "found", "kept"] * 4)
    ]
    assert len(set(groups_of(said))) == 5


@given(
    st.permutations([f"user {n} bought {i} of {w}" for i, (n, w) in enumerate(zip("abcdef", "uvwxyz", strict=True))])
)
def test_the_order_of_lines_changes_nothing(lines: list[str]) -> None:
    first, again = Templates(), Templates()
    first.learn(lines)
    again.learn(sorted(lines))
    assert {line: first.of(line) for line in lines} == {line: again.of(line) for line in lines}


@settings(max_examples=200)
@given(st.lists(st.text(max_size=80), max_size=30))
def test_any_text_has_a_template(lines: list[str]) -> None:
    templates = Templates()
    given = [templates.add(line) for line in lines]
    assert all(template.id and templates.current(template) for template in given)
    keys = [Columns().of(line) for line in lines]
    assert set(templates_of(dict.fromkeys(keys, 1))) == set(keys)


def test_a_stream_ends_where_all_at_once_does() -> None:
    lines, statements = lines_of("java", 600)
    stream = Templates()
    for line in lines:
        stream.add(line)
    stream.rebuild()
    assert accuracy([stream.of(line).id for line in lines], statements).value >= 0.95


def test_an_id_outlives_rebuilds_and_is_the_same_elsewhere() -> None:
    here, there = Templates(), Templates()
    before = here.add("cart 7 was emptied")
    for number in range(500):
        here.add(f"order {number} was paid by customer c{number}")
    assert here.of("cart 9 was emptied").id == before.id == there.add("cart 1 was emptied").id


def test_what_became_of_a_template_can_be_asked() -> None:
    templates = Templates()
    first = templates.add("session of customer anna was closed early")
    templates.learn([f"session of customer {name} was closed early" for name in ("bert", "carla", "dora", "emil")])
    now = templates.of("session of customer anna was closed early")
    assert now.text == "session of customer <*> was closed early"
    assert now != first
    assert templates.current(first) == now


def test_templates_and_kinds_of_lines_are_bounded() -> None:
    templates, draw = Templates(most=20, most_kinds=200), random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for _ in range(3_000):
        templates.add(" ".join("".join(draw.choices(letters, k=5)) for _ in range(draw.randint(1, 9))))
    templates.rebuild()
    assert len(templates.known) <= 20 + 1, "and the one of all others"
    assert len(templates._kinds) <= 200


def test_a_line_that_nothing_is_known_of_belongs_to_the_others() -> None:
    templates = Templates()
    templates.learn(["cart 1 emptied"])
    assert templates.of("something else entirely happened here") is OTHER

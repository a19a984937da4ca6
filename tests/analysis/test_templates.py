from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.analysis.lognews import log_news
from watchkeeper.analysis.templates import Miner, masked
from watchkeeper.domain import Window
from watchkeeper.tables import table_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_what_varies_is_masked():
    line = masked("user 42 at 10.0.0.7:8080 asked /v1/items?id=3 on 2026-05-04T12:00:00Z in 12.5ms")
    assert line == "user <n> at <ip> asked <path> on <time> in <n>ms"


def test_lines_that_differ_in_values_share_a_template():
    miner = Miner()
    numbers = {miner.add(f"order {i} of customer c{i} was paid in {i * 3} ms") for i in range(20)}
    assert len(numbers) == 1
    assert miner.template(numbers.pop()) == "order <n> of customer <*> was paid in <n> ms"


def test_lines_that_say_different_things_do_not():
    miner = Miner()
    assert miner.add("payment declined by bank") != miner.add("cart emptied for session x")


def test_templates_are_bounded():
    miner = Miner(most=10)
    for length in range(1, 60):
        miner.add(" ".join(["word"] * length))
    assert max(miner.add(" ".join(["other"] * n)) for n in range(1, 80)) < 10


@given(st.text(max_size=300))
def test_any_text_has_a_template(line: str):
    miner = Miner()
    assert miner.add(line) == miner.add(line) == 0


def records(*lines: tuple[float, str, int]):
    rows = [
        {"time": NOON + timedelta(seconds=at), "service_name": "cart", "body": body, "severity_number": severity}
        for at, body, severity in lines
    ]
    return table_of("logs", rows)


USUAL, NOW = Window(start=NOON, end=NOON + timedelta(seconds=60)), Window.before(NOON + timedelta(seconds=90), 30)


def test_a_new_error_comes_first_and_steady_lines_are_no_news():
    steady = [(float(i), f"served {i}", 9) for i in range(90)]
    errors = [(60.0 + i, f"TimeoutError: waited {i} s", 17) for i in range(8)]
    found = log_news(records(*steady, *errors), USUAL, NOW)
    assert [n.template for n in found] == ["TimeoutError waited <n> s"]
    assert found[0].is_new
    assert found[0].first == NOON + timedelta(seconds=60)


def test_a_surge_is_told_with_both_counts():
    lines = [(i * 10.0, "retrying payment", 13) for i in range(6)] + [
        (60 + i / 2, "retrying payment", 13) for i in range(50)
    ]
    (news,) = log_news(records(*lines), USUAL, NOW)
    assert (news.before, news.after) == (6, 50)
    assert not news.is_new

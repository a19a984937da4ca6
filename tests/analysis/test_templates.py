from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.analysis.templates import Miner, masked


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

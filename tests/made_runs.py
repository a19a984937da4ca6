"""Runs of a suite that nobody ran: scorecards from a word a case."""

from datetime import UTC, datetime

from watchkeeper.datasets.cases import Answer
from watchkeeper.evaluation.marking import Setting, mark
from watchkeeper.evaluation.scorecard import Scorecard
from watchkeeper.evaluation.scores import Attempt, is_same

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTING = Setting(suite="nezha", at=BEGAN, commit="abc1234", data="nezha-boutique")

RIGHT = Attempt("", "answered", ("cart", "web"), 0.9, 1.0, candidates=("cart", "web"))
WRONG = Attempt("", "answered", ("web", "cart"), 0.7, 1.0, candidates=("cart", "web"))
HELD_BACK = Attempt("", "abstained", ("cart",), 0.3, 1.0, candidates=("cart", "web"))
FAILED = Attempt("", "failed", reason="KeyError: 'x'", candidates=("cart", "web"))
MADE = {"r": RIGHT, "w": WRONG, "h": HELD_BACK, "f": FAILED}


def run_of(letters: str, *, first: int = 0, setting: Setting = SETTING, kind: str = "cpu") -> Scorecard:
    """`rrw`: two cases right, the third wrong; h is held back, f failed. The truth is always `cart`."""
    attempts = []
    for number, letter in enumerate(letters, first):
        made = MADE[letter]
        attempts.append(Attempt(f"case {number}", **{k: v for k, v in vars(made).items() if k != "case"}))
    answers = {a.case: Answer("cart", kind=f"{kind}-{i % 2}", system="shop") for i, a in enumerate(attempts)}
    return mark(setting, attempts, answers, is_same)

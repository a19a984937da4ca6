"""Two runs of the same cases, compared case by case: what flipped, and whether that is more than noise."""

from dataclasses import dataclass

from watchkeeper.errors import ConfigError
from watchkeeper.evaluation.intervals import differing
from watchkeeper.evaluation.scorecard import Result, Scorecard


@dataclass(frozen=True)
class Flip:
    """One case that one run had right and the other had not."""

    before: Result
    after: Result

    @property
    def is_won(self) -> bool:
        """Whether it is right now."""
        return self.after.is_hit


@dataclass(frozen=True)
class Comparison:
    """What changed from one run to another, over the cases that both have."""

    cases: int
    hits_before: int
    hits_after: int
    flips: tuple[Flip, ...]
    p: float
    """McNemar's exact two-sided test on `top1`."""
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def won(self) -> int:
        """How many cases are right only in the second run."""
        return sum(flip.is_won for flip in self.flips)

    @property
    def lost(self) -> int:
        """How many are right only in the first."""
        return len(self.flips) - self.won


def compare(before: Scorecard, after: Scorecard) -> Comparison:
    """Pair the runs by case; raises ConfigError where suites or truths differ, or no case is in common.

    Raises it too for runs in which a case was run more than once: it would have no one outcome.
    """
    if before.seeds > 1 or after.seeds > 1:
        raise ConfigError("runs with --missing-edges cannot be compared case by case: expected one run a case")
    if before.suite != after.suite:
        raise ConfigError(f"a run of {before.suite} and one of {after.suite} have no cases in common to compare")
    old, new = {r.case: r for r in before.results}, {r.case: r for r in after.results}
    both = [case for case in old if case in new]
    if not both:
        raise ConfigError(f"the two runs of {before.suite} have no case in common to compare")
    changed = next((case for case in both if old[case].truth != new[case].truth), None)
    if changed is not None:
        raise ConfigError(f"the two runs do not agree on the truth of {changed}: their data is not the same")
    flips = tuple(Flip(old[case], new[case]) for case in both if old[case].is_hit != new[case].is_hit)
    won = sum(flip.is_won for flip in flips)
    return Comparison(
        cases=len(both),
        hits_before=sum(old[case].is_hit for case in both),
        hits_after=sum(new[case].is_hit for case in both),
        flips=flips,
        p=differing(len(flips) - won, won),
        only_before=tuple(case for case in old if case not in new),
        only_after=tuple(case for case in new if case not in old),
    )

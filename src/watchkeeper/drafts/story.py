"""Everything that templates may tell of one case: facts to print, and plain values to decide by."""

from dataclasses import dataclass, fields

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import CaseFile
from watchkeeper.drafts.actions import Action, actions_of
from watchkeeper.drafts.care import Care, care_of
from watchkeeper.drafts.causes import ToldEvidence, Why, evidence_of, why_of
from watchkeeper.drafts.facts import Fact, Facts
from watchkeeper.drafts.features import features_of
from watchkeeper.drafts.heading import Head, head_of
from watchkeeper.drafts.impact import Impact, impact_of
from watchkeeper.drafts.objectives import Spent, spent_of
from watchkeeper.drafts.response import Response, response_of
from watchkeeper.drafts.timeline import Event, timeline_of


@dataclass(frozen=True)
class Story:
    """One case as of its latest diagnosis; what is None is not known, and the texts say so."""

    head: Head
    care: Care
    why: Why
    impact: Impact
    objectives: tuple[Spent, ...]
    features: tuple[Fact, ...]
    timeline: tuple[Event, ...]
    response: Response
    actions: tuple[Action, ...]
    evidence: tuple[ToldEvidence, ...]

    def told(self) -> dict[str, object]:
        """The names that templates know."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def tell(facts: Facts, case: CaseFile, catalogue: Catalogue) -> Story:
    """The story of a case that was diagnosed at least once."""
    number = len(case.diagnoses) - 1
    impact, response = impact_of(facts, case, number), response_of(facts, case, number)
    return Story(
        head=head_of(facts, case, number),
        care=care_of(facts, case, number),
        why=why_of(facts, case, number),
        impact=impact,
        objectives=spent_of(facts, catalogue, case, number, impact),
        features=features_of(facts, catalogue, case, number),
        timeline=timeline_of(facts, case),
        response=response,
        actions=actions_of(facts, catalogue, case, number, response),
        evidence=evidence_of(facts, case, number),
    )

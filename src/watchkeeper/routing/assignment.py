"""A case file to its Assignment: how severe, whose, and what happens, each with the rule that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.catalogue import Catalogue
from watchkeeper.domain import Action, Assignment, CaseFile, Diagnosis, Measured, Noun, Severity
from watchkeeper.routing.matching import Facts
from watchkeeper.routing.routes import Node, Routing, Tried, taken, tried
from watchkeeper.routing.severity import Judged, judge, settled
from watchkeeper.routing.thresholds import SeverityRules

DATA_LOSS = "data loss"
"""The measure of a signal that says so."""


class Explanation(Noun):
    """An assignment with everything that led to it."""

    assignment: Assignment
    judged: Judged
    """What the latest figures alone would say."""
    facts: Facts
    routes: tuple[Tried, ...]
    severity_from: str
    """Why that severity, in words."""
    team_from: str
    """Where the team is from, in words."""


@dataclass(frozen=True)
class _Party:
    """The service whose people the case is for, and why that one."""

    service: str | None
    because: str


def assign(case: CaseFile, catalogue: Catalogue, routing: Routing) -> Assignment:
    """Who should do what, how urgently; raises ValueError where the case was not diagnosed."""
    return explain(case, catalogue, routing).assignment


def explain(case: CaseFile, catalogue: Catalogue, routing: Routing) -> Explanation:
    """The same with every rule in order; raises ValueError where the case was not diagnosed."""
    diagnosis = case.latest
    if diagnosis is None:
        raise ValueError(f"{case.incident.id} was not diagnosed, so there is nothing to route")
    history = severities(case, catalogue, routing.severity)
    judged = history[-1][1]
    severity, reason = _settled(history, routing.severity)
    party = _party_of(case, diagnosis)
    facts = _facts(diagnosis, severity, party, catalogue, routing)
    path = taken(routing.route, facts)
    team, team_from = _team(path, party, catalogue)
    assignment = Assignment(
        severity=severity,
        team=team,
        owner=_owner(path, party, catalogue),
        channels=_channels(path, party, catalogue),
        actions=_actions(path, diagnosis),
        reason=f"{reason}. Team {team}: {team_from}.",
        route=path[-1].name,
    )
    return Explanation(
        assignment=assignment,
        judged=judged,
        facts=facts,
        routes=tried(routing.route, facts),
        severity_from=reason,
        team_from=team_from,
    )


def severities(case: CaseFile, catalogue: Catalogue, rules: SeverityRules) -> tuple[tuple[datetime, Judged], ...]:
    """What each diagnosis of the case was judged at, in their order."""
    is_lost = any(signal.measure == DATA_LOSS for signal in case.incident.signals)
    said = min((signal.severity for signal in case.incident.signals if signal.severity), default=None)
    return tuple(
        (d.at, judge(as_catalogued(d.scope.measured, catalogue), rules, data_loss=is_lost, said=said))
        for d in case.diagnoses
    )


def as_catalogued(measured: Sequence[Measured], catalogue: Catalogue) -> tuple[Measured, ...]:
    """The figures, with entry services as the catalogue says where it does."""
    said = {m.service: catalogue.service(m.service).is_entry for m in measured}
    return tuple(m if said[m.service] is None else m.model_copy(update={"is_entry": said[m.service]}) for m in measured)


def _settled(history: Sequence[tuple[datetime, Judged]], rules: SeverityRules) -> tuple[Severity, str]:
    """The severity that holds at the latest diagnosis, and why."""
    now, latest = history[-1]
    held = settled([(at, j.severity) for at, j in history], now, timedelta(minutes=rules.falls_after_minutes))
    if held == latest.severity:
        return held, latest.reason
    at, worst = next((at, j) for at, j in reversed(history) if j.severity == held)
    return held, (
        f"{held} still holds: it falls when it was judged lower for {rules.falls_after_minutes:g} minutes. "
        f"At {at:%H:%M:%S %Z} it was {worst.reason}. Now it would be {latest.reason}"
    )


def _party_of(case: CaseFile, diagnosis: Diagnosis) -> _Party:
    if diagnosis.status == "diagnosed":
        component = diagnosis.hypotheses[0].component
        return _Party(component, f"{component} caused it")
    if case.incident.service is not None:
        return _Party(case.incident.service, f"no cause is established, it was noticed in {case.incident.service}")
    if diagnosis.scope.affected:
        service = diagnosis.scope.affected[0].service
        return _Party(service, f"no cause is established, {service} is the most affected")
    return _Party(None, "no cause is established, and no service is known")


def _facts(diagnosis: Diagnosis, severity: Severity, party: _Party, catalogue: Catalogue, routing: Routing) -> Facts:
    known = catalogue.services.get(party.service or "")
    return Facts(
        severity=severity,
        status=diagnosis.status,
        release=diagnosis.release.status,
        fault=diagnosis.hypotheses[0].kind if diagnosis.status == "diagnosed" else None,
        service=party.service,
        team=(known.team if known else None) or routing.route.team,
        tier=known.tier if known else None,
        at=diagnosis.at,
    )


def _team(path: Sequence[Node], party: _Party, catalogue: Catalogue) -> tuple[str, str]:
    root, *deeper = path
    for node in reversed(deeper):
        if node.team is not None:
            return node.team, f"the route `{node.name}` says so"
    if party.service is None:
        return str(root.team), f"{party.because}, so the team of the route `{root.name}` is inferred"
    if team := catalogue.service(party.service).team:
        return team, f"the service catalogue says so, {party.because}"
    unknown = f"the service catalogue names no team for {party.service}"
    return str(root.team), f"{unknown} ({party.because}): the team of the route `{root.name}` is inferred"


def _owner(path: Sequence[Node], party: _Party, catalogue: Catalogue) -> str | None:
    root, *deeper = path
    said = next((node.owner for node in reversed(deeper) if node.owner is not None), None)
    known = catalogue.service(party.service or "")
    # The root's owner belongs to the root's team.
    return said or known.owner or (root.owner if known.team is None else None)


def _channels(path: Sequence[Node], party: _Party, catalogue: Catalogue) -> tuple[str, ...]:
    root, *deeper = path
    said = next((node.channels for node in reversed(deeper) if node.channels is not None), None)
    if said is not None:
        return said
    return catalogue.service(party.service or "").channels or root.channels or ()


def _actions(path: Sequence[Node], diagnosis: Diagnosis) -> tuple[Action, ...]:
    said: tuple[Action, ...] = next(node.actions for node in reversed(path) if node.actions is not None)
    # Without a change that is blamed there is nothing to go back from.
    return tuple(a for a in said if a != "propose-rollback" or diagnosis.release.status == "caused")

"""Attacks planted into the tables of a recording, the way that somebody who can write logs or spans would do it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.evaluation.attack_texts import Attack
from watchkeeper.evidence.known import PastCase, RunbookHit
from watchkeeper.tables import TABLES, TableName, table_of

TIMES = 6
"""How often a text is planted: so often that it counts as news."""
ERROR = 17
CHANGED_BEFORE, LONG_BEFORE = timedelta(seconds=20), timedelta(minutes=30)
"""A planted change comes shortly before the onset, so that its time fits; one that defends the true cause does not."""

Tables = Mapping[TableName, pa.Table]


@dataclass(frozen=True)
class Names:
    """Who is who in a recording."""

    cause: str
    victim: str
    bystander: str
    change: str

    def planted(self, attack: Attack) -> str:
        """Whom an attack wants blamed, or, where it defends, whom it speaks of."""
        if attack.place == "service name":
            return attack.text
        return (
            attack.invented or {"victim": self.victim, "bystander": self.bystander, "cause": self.cause}[attack.blamed]
        )

    def service(self, attack: Attack) -> str:
        """The service in whose telemetry a text is planted; it is one that there is."""
        return self.victim if attack.invented else self.planted(attack)

    def text(self, attack: Attack) -> str:
        """What is planted."""
        known = {"planted": self.planted(attack), "cause": self.cause, "change": self.change}
        return attack.text if attack.place == "service name" else attack.text.format(**known)


def planted_in(tables: Tables, attacks: Iterable[Attack], names: Names, onset: datetime) -> dict[TableName, pa.Table]:
    """The tables with the attacks of telemetry in them; those in alerts, runbooks and cases are planted elsewhere."""
    found = dict(tables)
    for number, attack in enumerate(attacks):
        service, text = names.service(attack), names.text(attack)
        moments = [onset + timedelta(seconds=3 + 4 * i, milliseconds=number) for i in range(TIMES)]
        match attack.place:
            case "log body" | "service name":
                body = "see my name" if attack.place == "service name" else text
                found["logs"] = _added(found, "logs", (_line(service, t, body) for t in moments))
            case "log attribute":
                lines = (_line(service, t, f"job of {attack.field} is done", {attack.field: text}) for t in moments)
                found["logs"] = _added(found, "logs", lines)
            case "span name" | "span attribute" | "exception":
                found["spans"] = _in_spans(found["spans"], attack, service, text, onset, number)
            case "metric name":
                found["metrics"] = _added(found, "metrics", (_gauge(service, t, text) for t in moments))
            case "change":
                before = LONG_BEFORE if attack.blamed == "cause" else CHANGED_BEFORE
                change = _change(attack, service, text, number, onset - before)
                found["changes"] = _added(found, "changes", [change])
            case _:
                pass
    return found


@dataclass(frozen=True)
class PlantedRunbooks:
    """Runbooks that say what was planted, whatever is asked."""

    texts: Sequence[str]

    def find(self, text: str, component: str | None) -> tuple[RunbookHit, ...]:
        """Each text as the part of a runbook."""
        return tuple(RunbookHit("planted runbook", "Mitigation", each, 1.0, "planted.md") for each in self.texts)


@dataclass(frozen=True)
class PlantedCases:
    """Earlier cases whose headlines say what was planted."""

    texts: Sequence[str]

    def like(self, component: str) -> tuple[PastCase, ...]:
        """Each text as the headline of a case that was confirmed."""
        return tuple(PastCase(f"INC-2026-{i:04}", each, component, "confirmed") for i, each in enumerate(self.texts, 1))


def _added(tables: Tables, name: TableName, rows: Iterable[dict[str, object]]) -> pa.Table:
    known = tables.get(name, TABLES[name].empty_table()).cast(TABLES[name])
    return pa.concat_tables([known, table_of(name, list(rows))])


def _line(service: str, time: datetime, body: str, attributes: Mapping[str, str] | None = None) -> dict[str, object]:
    return {
        "time": time,
        "service_name": service,
        "severity_number": ERROR,
        "severity_text": "ERROR",
        "body": body,
        "attributes": list((attributes or {}).items()),
    }


def _gauge(service: str, time: datetime, name: str) -> dict[str, object]:
    return {"time": time, "service_name": service, "name": name, "unit": "1", "kind": "gauge", "value": 1.0}


def _change(attack: Attack, service: str, text: str, number: int, time: datetime) -> dict[str, object]:
    held: object = [text] if attack.field == "commits" else text
    row: dict[str, object] = {"id": f"chg-{number}", "kind": "deploy", "service_name": service, "time": time}
    return {**row, "version": "9.0.1", "title": "a small change", attack.field: held}


def _in_spans(spans: pa.Table, attack: Attack, service: str, text: str, onset: datetime, number: int) -> pa.Table:
    """The spans with some of the service's own, from the onset on, carrying the text."""
    spans = spans.cast(TABLES["spans"])
    mask = pc.and_(pc.equal(spans["service_name"], service), pc.greater_equal(spans["time"], onset))
    places = pc.indices_nonzero(mask).to_pylist()
    kind = "internal" if attack.place == "exception" else "server"
    kinds = spans["kind"].take(places).to_pylist()
    wanted = [place for place, own in zip(places, kinds, strict=True) if own == kind] or places
    chosen = wanted[number * TIMES : (number + 1) * TIMES] or wanted[:TIMES]
    rows = [_marked(row, attack, text) for row in spans.take(chosen).to_pylist()]
    is_kept = np.ones(spans.num_rows, dtype=bool)
    is_kept[chosen] = False
    return pa.concat_tables([spans.filter(pa.array(is_kept)), table_of("spans", rows)])


def _marked(row: dict[str, object], attack: Attack, text: str) -> dict[str, object]:
    if attack.place == "span name":
        return {**row, "name": text}
    if attack.place == "exception":
        return {**row, "status_code": "error", "status_message": text}
    attributes = row["attributes"]
    assert isinstance(attributes, list)
    return {**row, "attributes": [*(a for a in attributes if a[0] != attack.field), (attack.field, text)]}

"""The tables of a diagnosis gone over: whether who is affected, as it was counted, is counted so again."""

from collections.abc import Iterator

import pyarrow as pa

from watchkeeper.domain import EvidenceId, Scope
from watchkeeper.errors import QueryRejected, SourceUnavailable
from watchkeeper.evidence.recheck import Recheck
from watchkeeper.evidence.selectors import evaluate, select


def miscounted(scope: Scope, recheck: Recheck) -> Iterator[str]:
    """What stands in the tables of a scope and is otherwise in the rows of the evidence that is cited there.

    Of figures that come from rows without a service (coarse points of metrics) nothing is said.
    """
    for each in scope.affected:
        held = {"service": each.service}
        yield from _differs(recheck, each.evidence, held, requests=each.requests, errors=each.errors)
    for portion in scope.portions:
        held = {"service": portion.service, "attribute": portion.attribute, "value": portion.value}
        yield from _differs(recheck, portion.evidence, held, requests=portion.requests, errors=portion.errors)
    for measured in scope.measured:
        held = {"service": measured.service} | ({"operation": measured.operation} if measured.operation else {})
        yield from _differs(recheck, measured.evidence, held, requests=measured.requests, errors=measured.errors)
    if scope.users is not None:
        users = scope.users
        held = {"attribute": users.attribute}
        yield from _differs(recheck, users.evidence, held, seen=users.seen, affected=users.affected)


def _differs(recheck: Recheck, number: EvidenceId | None, held: dict[str, str], **said: int) -> Iterator[str]:
    if number is None:
        return
    try:
        rows = recheck.rows(number)
        for column, value in said.items():
            again = _figure(rows, column, held)
            if again is not None and again != value:
                yield f"{column} of {', '.join(held.values())} is {value}, and {again} when asked again [{number}]"
    except (QueryRejected, SourceUnavailable) as error:
        yield f"{number}: {error}"


def _figure(rows: pa.Table, column: str, held: dict[str, str]) -> object:
    """The figure in the row that is held to those values; 0 without such a row, None where rows are of another kind."""
    if column not in rows.column_names or not set(held) <= set(rows.column_names):
        return None if rows.num_rows else 0
    return evaluate(select("first", column, **held), rows) or 0

"""Who calls whom, where only metrics say so."""

import pyarrow as pa
import pyarrow.compute as pc

from watchkeeper.injection.maps import value_of

CLIENT_METRIC, PEER = "http.client.request.duration", "server.address"


def called_by_metrics(metrics: pa.Table) -> frozenset[tuple[str, str]]:
    """Caller and callee of every client histogram whose peer is named; empty where none is."""
    calls = metrics.filter(pc.equal(metrics["name"], CLIENT_METRIC))
    if not calls.num_rows:
        return frozenset()
    pairs = zip(calls["service_name"].to_pylist(), value_of(calls["attributes"], PEER).to_pylist(), strict=True)
    return frozenset((caller, callee) for caller, callee in pairs if callee and callee != caller)

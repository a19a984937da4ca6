"""The only place that builds things from settings: sources, the live store, the pipeline, cases on disk and kept."""

from watchkeeper.assembly.cases import (
    as_json,
    case,
    diagnose,
    diagnose_again,
    finished,
    open_records,
    redacted,
    require_configuration,
    require_same_telemetry,
    routed,
    save_case,
    scan_of,
)
from watchkeeper.assembly.chat import Chat
from watchkeeper.assembly.demo import DEMO, DEMO_SERVICE, diagnose_demo
from watchkeeper.assembly.investigating import (
    CaseRunbooks,
    investigator_for,
    looked_at_again,
    open_investigator,
    open_runbooks,
    probe_model,
)
from watchkeeper.assembly.sources import import_telemetry, is_server, latest, live_store, open_sources

__all__ = [
    "DEMO",
    "DEMO_SERVICE",
    "CaseRunbooks",
    "Chat",
    "as_json",
    "case",
    "diagnose",
    "diagnose_again",
    "diagnose_demo",
    "finished",
    "import_telemetry",
    "investigator_for",
    "is_server",
    "latest",
    "live_store",
    "looked_at_again",
    "open_investigator",
    "open_records",
    "open_runbooks",
    "open_sources",
    "probe_model",
    "redacted",
    "require_configuration",
    "require_same_telemetry",
    "routed",
    "save_case",
    "scan_of",
]

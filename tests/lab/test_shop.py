"""One short drill in real processes, against a sink that is one thread."""

import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from watchkeeper.lab.drills import plan, run
from watchkeeper.lab.layout import SERVICES
from watchkeeper.lab.truth import Truth

pytestmark = pytest.mark.lab
GIVEAWAYS = (b"fault", b"drill", b"inject", b"hog", b"leak", b"watchkeeper", b"hoard", b"/work", b"/root", b"/home")
SERVER = 2


class Sink:
    """Keeps the bodies that it is sent, by path, and who was said to send them."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        self.senders: dict[str, set[str | None]] = defaultdict(set)
        bodies, senders = self.bodies, self.senders

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                senders[self.path].add(self.headers.get("authorization"))
                is_packed = self.headers.get("content-encoding") == "gzip"
                bodies[self.path].append(gzip.decompress(body) if is_packed else body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def words(attributes: list[KeyValue]) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Sink, Truth]]:
    sink = Sink()
    thread = threading.Thread(target=sink.server.serve_forever)
    thread.start()
    drill = plan("error-deploy", "catalog", size=2.0, seed=3, minutes=0.22)
    truth = run(drill, sink.url, {"authorization": "Bearer x"}, lambda _: None)
    yield sink, truth
    sink.server.shutdown()
    thread.join()
    sink.server.server_close()


def test_all_six_services_send_spans_metrics_and_logs(played: tuple[Sink, Truth]) -> None:
    bodies = played[0].bodies
    spans = {
        words(list(each.resource.attributes))["service.name"]
        for body in bodies["/v1/traces"]
        for each in ExportTraceServiceRequest.FromString(body).resource_spans
    }
    metrics = {
        words(list(each.resource.attributes))["service.name"]
        for body in bodies["/v1/metrics"]
        for each in ExportMetricsServiceRequest.FromString(body).resource_metrics
    }
    logs = {
        words(list(each.resource.attributes))["service.name"]
        for body in bodies["/v1/logs"]
        for each in ExportLogsServiceRequest.FromString(body).resource_logs
    }
    assert spans == metrics == logs == set(SERVICES)


def test_spans_of_one_request_are_linked_across_services(played: tuple[Sink, Truth]) -> None:
    service_of: dict[bytes, str] = {}
    parents: list[tuple[str, bytes]] = []
    for body in played[0].bodies["/v1/traces"]:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = words(list(resource.resource.attributes))["service.name"]
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                service_of[span.span_id] = service
                if span.kind == SERVER:
                    parents.append((service, span.parent_span_id))
    edges = {(service_of[parent], service) for service, parent in parents if parent in service_of}
    assert edges >= {("gateway", "catalog"), ("gateway", "cart"), ("cart", "catalog"), ("recommendations", "catalog")}


def test_a_deploy_changes_the_version_and_is_posted(played: tuple[Sink, Truth]) -> None:
    sink, truth = played
    versions = {
        (
            words(list(each.resource.attributes))["service.name"],
            words(list(each.resource.attributes))["service.version"],
        )
        for body in sink.bodies["/v1/traces"]
        for each in ExportTraceServiceRequest.FromString(body).resource_spans
    }
    posted = {each["id"]: each for each in map(json.loads, sink.bodies["/v1/changes"])}
    assert truth.change_id is not None
    assert ("catalog", posted[truth.change_id]["version"]) in versions
    assert len([version for service, version in versions if service == "catalog"]) == 2
    assert set(posted) == {truth.change_id, *truth.innocent_changes}


def test_everything_that_is_sent_shows_the_token(played: tuple[Sink, Truth]) -> None:
    paths = ("/v1/traces", "/v1/metrics", "/v1/logs", "/v1/changes")
    assert dict(played[0].senders) == {path: {"Bearer x"} for path in paths}


def test_nothing_sent_tells_that_it_was_done_on_purpose(played: tuple[Sink, Truth]) -> None:
    sent = b"".join(body for bodies in played[0].bodies.values() for body in bodies)
    assert [word for word in GIVEAWAYS if word in sent.lower().replace(b"default", b"")] == []


def test_the_truth_has_its_times_in_order(played: tuple[Sink, Truth]) -> None:
    truth = played[1]
    assert truth.fault_onset is not None
    assert truth.symptom_onset is not None
    assert truth.begins < truth.fault_onset <= truth.symptom_onset < truth.ends


def test_no_process_outlives_the_run(played: tuple[Sink, Truth]) -> None:
    assert played[1].service == "catalog"
    left = [each for each in psutil.Process().children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]
    commands = [" ".join(each.cmdline()) for each in left]
    # Processes of other tests may be there, which name such modules among what they import beforehand.
    ours = [each for each in commands if "forkserver" not in each and ("watchkeeper.lab" in each or "postgres" in each)]
    assert ours == []

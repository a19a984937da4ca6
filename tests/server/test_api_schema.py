"""Whatever the schema of the API allows, and much that it does not, is answered without an error of ours."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from made_access import MadeKeys, NoTelemetry, bearer, gate_over
from server.made_duty import MadeDuty
from server.test_api import drafted
from watchkeeper.server.app import Wiring, create_app
from watchkeeper.server.running import running

EXAMPLES = 10
KEYS = MadeKeys()
HEADERS = bearer(KEYS.create("ada", "admin"))
SCHEMA = schemathesis.openapi.from_dict(
    create_app(Wiring(store=NoTelemetry(), gate=gate_over(KEYS), duty=MadeDuty())).openapi()
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    duty = MadeDuty()
    duty.add(drafted())
    with running(Wiring(store=NoTelemetry(), gate=gate_over(KEYS), duty=duty)) as url:
        yield url


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_answered_with_an_error_of_ours(case: schemathesis.Case, url: str) -> None:
    case.call_and_validate(base_url=url, headers=HEADERS, checks=[not_a_server_error])


def test_the_schema_names_every_endpoint_of_incidents() -> None:
    named = {operation.ok().path for operation in SCHEMA.get_all_operations()}
    assert {"/v1/incidents", "/v1/incidents/{incident_id}/drafts/{number}/edit", "/v1/parcels/again"} <= named

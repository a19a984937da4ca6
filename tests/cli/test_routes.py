"""`watchkeeper routes`, as a person meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from routing.made_cases import case_of, diagnosed, measured
from watchkeeper import assembly, library, settings
from watchkeeper.cli import routes
from watchkeeper.domain import CaseFile
from watchkeeper.errors import WatchkeeperError

SHIPPED = (library.HOME / "config" / "routes.yaml").read_text()


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(routes.app, list(words), catch_exceptions=False)
    return done.exit_code, done.output


def refused(*words: str) -> str:
    with pytest.raises(WatchkeeperError) as error:
        run(*words)
    return str(error.value)


def slow(component: str = "dashboard") -> CaseFile:
    return case_of(diagnosed(measured(p95_ms=680, usual_p95_ms=240), component=component))


@pytest.fixture
def saved() -> Path:
    return assembly.save_case(settings.load(), slow())


def test_a_case_is_explained_by_its_incident_or_its_file(saved: Path) -> None:
    code, text = run("explain", "INC-2026-0007")
    assert (code, text) == run("explain", str(saved))
    assert code == 0
    flat = " ".join(text.split())
    assert flat.startswith("INC-2026-0007: P2, on-call, by the route `P2`")
    assert "is 680 ms, 2.83 times its usual 240 ms (P2 from 2 times, P3 above 1.2 times)" in flat
    assert "Team on-call: the service catalogue names no team for dashboard (dashboard caused it)" in flat
    assert "Actions channel, ticket Channels #incidents" in flat
    assert "=> P2 severity is P2" in flat
    assert "- P1 severity is P2, not P1" in flat
    assert ". P1 by a release" not in flat
    assert "- P1 by a release release is not-release-related, not caused" in flat


def test_nothing_is_wider_than_80_columns_and_nothing_steers_the_terminal() -> None:
    path = assembly.save_case(settings.load(), slow("shop\x1b[31m" + "x" * 300))
    _, text = run("explain", str(path))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_a_case_that_is_not_there_or_is_none_is_told_in_a_sentence(tmp_path: Path) -> None:
    assert refused("explain", "INC-2026-9999").startswith("there is no case INC-2026-9999")
    broken = tmp_path / "case.json"
    broken.write_text('{"incident": 3}')
    assert "expected a case as `diagnose` writes it, the first fault is at incident" in refused("explain", str(broken))
    path = assembly.save_case(settings.load(), case_of())
    assert refused("explain", str(path)) == "INC-2026-0007 was not diagnosed yet: there is nothing to route"


def test_a_name_cannot_lead_out_of_the_cases() -> None:
    assert refused("explain", "../../etc/passwd").startswith("there is no case ../../etc/passwd")


def test_the_shipped_routes_can_all_match() -> None:
    code, text = run("test")
    assert code == 0
    assert "ok      P1 by a release" in text
    assert "NO" not in text


def test_a_route_that_can_never_match_ends_with_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    late = "\n    - name: late\n      match: {severity: [P3, P4], service: chekout}\n      actions: [ticket]\n"
    path.write_text(SHIPPED.rstrip("\n") + "\n" + late)
    code, text = run("test", "--file", str(path))
    flat = " ".join(text.split())
    assert code == 2
    assert "NO late can never match: `nothing wrong` and `P3` and `P4` before it take every such case" in flat
    assert "Perhaps not as it was meant - route `late`: no service of the service catalogue is called chekout" in flat

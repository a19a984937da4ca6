"""What a scraped shop of numbers would have shown: the history of `made_shop` as OpenMetrics text."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from made_shop import CHAIN, Shop, at

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5)
SCRAPE_SECONDS = 5
HISTOGRAM = "http_server_request_duration_seconds"


def history(shop: Shop, *, name: str = HISTOGRAM, scrape_seconds: int = SCRAPE_SECONDS, label: str = "service") -> str:
    """Cumulative request histograms of every service, and process metrics, scraped at whole steps; ends with EOF."""
    requests: Mapping[str, list[tuple[float, float, str]]] = defaultdict(list)
    for span in shop.tables()["spans"]:
        if span["kind"] == "server":
            second = (span["time"] - at(0)).total_seconds()  # type: ignore[operator]
            status = "500" if span["status_code"] == "error" else "200"
            requests[str(span["service_name"])].append((second, float(span["duration_ns"]) / 1e9, status))  # type: ignore[arg-type]
    families: dict[str, list[str]] = {name: [], "process_cpu_seconds": [], "process_resident_memory_bytes": []}
    for service in map(shop.name, CHAIN[:3]):
        who = f'{label}="{service}",job="shop",instance="127.0.0.1:{8000 + len(service)}"'
        for second in range(0, shop.seconds + 1, scrape_seconds):
            if service in map(shop.name, shop.silent) and second >= shop.onset:
                break
            when = at(second).timestamp()
            families["process_cpu_seconds"].append(f"process_cpu_seconds_total{{{who}}} {second * 0.1:.2f} {when:.3f}")
            families["process_resident_memory_bytes"].append(
                f"process_resident_memory_bytes{{{who}}} 80000000 {when:.3f}"
            )
        for status in ("200", "500"):
            families[name] += _histogram(name, who, service, requests[service], status, shop, scrape_seconds)
    kinds = {name: "histogram", "process_cpu_seconds": "counter", "process_resident_memory_bytes": "gauge"}
    lines = [line for family, samples in families.items() for line in (f"# TYPE {family} {kinds[family]}", *samples)]
    return "\n".join([*lines, "# EOF", ""])


def _histogram(
    name: str, who: str, service: str, requests: list[tuple[float, float, str]], status: str, shop: Shop, scrape: int
) -> list[str]:
    chosen = sorted((second, took) for second, took, how in requests if how == status)
    labels = f'{who},http_route="/{service}",http_request_method="POST",http_response_status_code="{status}"'
    seconds, took = [each[0] for each in chosen], np.array([each[1] for each in chosen])
    lines = []
    for second in range(0, shop.seconds + 1, scrape):
        done = bisect_left(seconds, second)
        if service in map(shop.name, shop.silent) and second >= shop.onset:
            break
        when = f"{at(second).timestamp():.3f}"
        for bound in (*BOUNDS, float("inf")):
            edge = "+Inf" if np.isinf(bound) else repr(bound)
            lines.append(f'{name}_bucket{{{labels},le="{edge}"}} {int((took[:done] <= bound).sum())} {when}')
        lines.append(f"{name}_count{{{labels}}} {done} {when}")
        lines.append(f"{name}_sum{{{labels}}} {took[:done].sum():.6f} {when}")
    return lines

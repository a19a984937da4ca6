"""When a drill could first be felt: measured from the shop's own request records, outside telemetry."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

BUCKET_SECONDS = 5.0
LEAST_REQUESTS = 3
SLOWER = 1.5
MORE_ERRORS = 0.05
FAILED = 500


@dataclass(frozen=True)
class Request:
    """One request that was answered, or not."""

    at: float
    """Unix time of its begin."""
    route: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Bucket:
    """Five seconds of requests."""

    begins: float
    typical: float
    """The median of durations, each as a multiple of its route's quiet median."""
    slow: float
    """The 90th percentile of the same."""
    error_share: float


@dataclass(frozen=True)
class Limits:
    """What a quiet bucket stays within."""

    typical: float
    slow: float
    error_share: float

    def are_passed(self, bucket: Bucket) -> bool:
        """Whether the bucket is clearly unlike the quiet ones."""
        return bucket.typical > self.typical or bucket.slow > self.slow or bucket.error_share > self.error_share


def read_requests(path: Path) -> list[Request]:
    """The records of one service or of the load; a missing file is an empty one."""
    if not path.exists():
        return []
    requests = []
    for line in path.read_text().splitlines():
        fields = line.split(",")
        if len(fields) == 4:
            requests.append(Request(float(fields[0]), fields[1], int(fields[2]), float(fields[3])))
    return sorted(requests, key=lambda request: request.at)


def first_felt(requests: list[Request], quiet_from: datetime, fault: datetime) -> datetime | None:
    """When requests first went clearly wrong after the fault: two buckets in a row unlike the quiet ones."""
    start, onset = quiet_from.timestamp(), fault.timestamp()
    quiet = [request for request in requests if start <= request.at < onset]
    usual = _usual(quiet)
    before = _buckets(quiet, usual, start)
    after = _buckets([request for request in requests if request.at >= onset - 1], usual, onset - 1)
    if len(before) < 3:
        return None
    limits = Limits(
        typical=_limit([bucket.typical for bucket in before]),
        slow=_limit([bucket.slow for bucket in before]),
        error_share=median(bucket.error_share for bucket in before) + MORE_ERRORS,
    )
    wrong = [limits.are_passed(bucket) for bucket in after]
    for bucket, is_wrong, next_wrong in zip(after, wrong, [*wrong[1:], False], strict=True):
        if is_wrong and (next_wrong or bucket.error_share > limits.error_share):
            return datetime.fromtimestamp(_first_bad(requests, bucket, usual, limits), UTC)
    return None


def _limit(quiet: list[float]) -> float:
    """Half as much again as the median, or four robust standard deviations above it."""
    middle = median(quiet)
    deviation = 1.4826 * median(abs(value - middle) for value in quiet)
    return max(SLOWER * middle, middle + 4 * deviation)


def _first_bad(requests: list[Request], bucket: Bucket, usual: dict[str, float], limits: Limits) -> float:
    for request in requests:
        is_bad = request.status >= FAILED or request.seconds > limits.slow * usual.get(request.route, request.seconds)
        if is_bad and bucket.begins <= request.at < bucket.begins + BUCKET_SECONDS:
            return request.at
    return bucket.begins


def _usual(requests: Iterable[Request]) -> dict[str, float]:
    durations: dict[str, list[float]] = defaultdict(list)
    for request in requests:
        durations[request.route].append(request.seconds)
    return {route: max(median(values), 0.001) for route, values in durations.items()}


def _buckets(requests: list[Request], usual: dict[str, float], start: float) -> list[Bucket]:
    grouped: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        grouped[int((request.at - start) // BUCKET_SECONDS)].append(request)
    buckets = []
    for number, members in sorted(grouped.items()):
        if len(members) < LEAST_REQUESTS:
            continue
        multiples = sorted(each.seconds / usual.get(each.route, each.seconds) for each in members)
        failed = sum(each.status >= FAILED for each in members)
        buckets.append(
            Bucket(
                begins=start + number * BUCKET_SECONDS,
                typical=multiples[len(multiples) // 2],
                slow=multiples[int(0.9 * (len(multiples) - 1))],
                error_share=failed / len(members),
            )
        )
    return buckets

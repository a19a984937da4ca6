"""Questions as people on call ask them, with the runbook that answers each, or None where none of the ten does.

CHOOSING chose the limits in `watchkeeper.knowledge.ranking`; CHECKING was written before they were last chosen, was
asked once afterwards, and is not changed to please them, nor they to please it.
"""

from typing import NamedTuple


class Question(NamedTuple):
    """One question, and the name of the runbook that should come first."""

    text: str
    right: str | None


CHOOSING = tuple(
    Question(*each)
    for each in (
        ("lots of 500s from checkout since this morning", "error-rate"),
        ("HighErrorRate alert on gateway", "error-rate"),
        ("users see internal server error when they pay", "error-rate"),
        ("NullPointerException in the order handler, requests failing", "error-rate"),
        ("exceptions are piling up in the logs of cart", "error-rate"),
        ("p95 latency doubled on the search page", "latency"),
        ("website is very slow, no errors though", "latency"),
        ("response times went up by 300 ms for everybody", "latency"),
        ("HighRequestLatency firing for gateway", "latency"),
        ("product pages load slowly", "latency"),
        ("CPU at 100% on all pods", "cpu"),
        ("container is being cpu throttled", "cpu"),
        ("high load average on the web nodes", "cpu"),
        ("NodeCPUUsageHigh", "cpu"),
        ("a busy loop eats a whole core", "cpu"),
        ("pod was OOMKilled", "memory"),
        ("memory usage keeps climbing until the process dies", "memory"),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("we suspect a memory leak in recommendations", "memory"),
        ("RSS grows 2 MB every second", "memory"),
        ("QueuePool limit of size 5 overflow 10 reached, connection timed out", "connection-pool"),
        ("FATAL: sorry, too many clients already, remaining connection slots are reserved", "connection-pool"),
        ("requests wait for a database connection", "connection-pool"),
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms", "connection-pool"),
        ("connection pool exhausted in catalog", "connection-pool"),
        ("a SELECT takes 8 seconds since the table grew", "slow-queries"),
        ("postgres is doing sequential scans on orders", "slow-queries"),
        ("deadlock detected, queries are blocked", "slow-queries"),
        ("slow query log is filling up", "slow-queries"),
        ("the bank's API does not answer any more", "dependency-down"),
        ("third party payment provider outage", "dependency-down"),
        ("upstream connect error or disconnect, 503 from the shipping service", "dependency-down"),
        ("calls to redis time out: connection refused", "dependency-down"),
        ("everything broke right after the deploy of 2.3.1", "bad-deploy"),
        ("how do I roll back the last release", "bad-deploy"),
        ("new version is failing in production, revert it?", "bad-deploy"),
        ("no space left on device", "disk-full"),
        ("disk usage of the database volume is at 98%", "disk-full"),
        ("x509: certificate has expired or is not yet valid", "certificate-expiry"),
        ("TLS handshake fails with the partner since midnight", "certificate-expiry"),
        ("pods are in CrashLoopBackOff", None),
        ("cart stopped sending telemetry", None),
        ("kafka consumer lag keeps growing", None),
        ("nightly backup did not run", None),
        ("users cannot log in with single sign-on", None),
        ("DNS does not resolve internal names", None),
        ("customer was charged twice for one order", None),
        ("who is on call this weekend", None),
        ("we are under a DDoS attack", None),
        ("cron job was skipped last night", None),
        ("cache hit ratio of the CDN dropped", None),
        ("emails end up in the spam folder", None),
        ("how do I delete a customer's data under GDPR", None),
        ("clock skew between the two data centres", None),
        ("a Kubernetes node is NotReady", None),
        ("cloud bill went up by a third this month", None),
        ("conversion on the landing page fell", None),
        ("replica is out of sync after the failover", None),
        ("access key leaked on a public repository", None),
        ("the translation of the terms page is missing", None),
        ("push notifications are not delivered on iOS", None),
        ("search results show products that are sold out", None),
        ("packet loss between the offices", None),
        ("please add me to the VPN group", None),
        ("what is the weather in Bern", None),
    )
)

CHECKING = tuple(
    Question(*each)
    for each in (
        ("error ratio of payment went from 0.1% to 12%", "error-rate"),
        ("unhandled error in POST /charges: KeyError('USD')", "error-rate"),
        ("customers get an error page at the last step", "error-rate"),
        ("HTTP 502 and 500 for a fifth of all requests", "error-rate"),
        ("SlowResponses: mean latency of catalog above threshold", "latency"),
        ("the shop feels sluggish, everything takes seconds", "latency"),
        ("requests to /search time out at the gateway", "latency"),
        ("ContainerCpuThrottling", "cpu"),
        ("the processor of the build machine is pegged", "cpu"),
        ("heap is full, garbage collector runs all the time", "memory"),
        ("exit code 137 every two hours", "memory"),
        ("psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec", "connection-pool"),
        ("remaining connections of the database are used up", "connection-pool"),
        ("query plan changed and now it scans the whole table", "slow-queries"),
        ("long running transaction holds a lock", "slow-queries"),
        ("N+1 selects from the ORM", "slow-queries"),
        ("stripe is down", "dependency-down"),
        ("timeouts when calling the tax provider's API", "dependency-down"),
        ("ECONNREFUSED talking to the recommendations service", "dependency-down"),
        ("since version 4.2 went live orders are broken", "bad-deploy"),
        ("canary looks bad, should we roll back", "bad-deploy"),
        ("someone changed the config and now it fails", "bad-deploy"),
        ("/var is 100% full", "disk-full"),
        ("could not write to file: ENOSPC", "disk-full"),
        ("browser says the site is not secure, cert ran out", "certificate-expiry"),
        ("ssl.SSLCertVerificationError: certificate verify failed", "certificate-expiry"),
        ("the process restarts every few minutes", None),
        ("no metrics arrive from the EU region any more", None),
        ("RabbitMQ queue has two million messages", None),
        ("restore of last night's dump is needed", None),
        ("password reset mails are not sent", None),
        ("the load balancer has no healthy targets", None),
        ("feature request: dark mode", None),
        ("prices are shown in the wrong currency", None),
        ("how do we onboard a new engineer", None),
        ("suspicious login from another country", None),
        ("the mobile app crashes at start", None),
        ("robots.txt blocks the whole site", None),
        ("Terraform state is locked", None),
        ("invoice PDF has the wrong logo", None),
        ("how many users bought something yesterday", None),
    )
)

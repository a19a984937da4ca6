"""Made-up logs in the styles of many programs, each line with the statement that wrote it."""

import random
import re
from collections.abc import Callable

NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "nina"]
WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima"]
HEX = "0123456789abcdef"


def _hex(draw: random.Random, digits: int) -> str:
    return "".join(draw.choices(HEX, k=digits))


VALUES: dict[str, Callable[[random.Random], str]] = {
    "n": lambda d: str(d.randint(1, 10 ** d.randint(1, 8))),
    "f": lambda d: f"{d.random() * 100:.3f}",
    "ip": lambda d: ".".join(str(d.randint(1, 254)) for _ in range(4)),
    "mac": lambda d: ":".join(_hex(d, 2) for _ in range(6)),
    "uuid": lambda d: "-".join(_hex(d, n) for n in (8, 4, 4, 4, 12)),
    "hex": lambda d: _hex(d, 8),
    "clock": lambda d: f"{d.randint(0, 23):02}:{d.randint(0, 59):02}:{d.randint(0, 59):02}",
    "name": lambda d: d.choice(NAMES),
    "word": lambda d: d.choice(WORDS),
    "host": lambda d: f"{d.choice(WORDS)}-{d.randint(1, 99)}.{d.choice(WORDS)}.example.com",
    "path": lambda d: "/" + "/".join(d.choice(WORDS) for _ in range(d.randint(1, 5))),
    "unit": lambda d: d.choice(("B", "KB", "MB")),
    "bool": lambda d: d.choice(("true", "false")),
    "list": lambda d: ",".join(str(d.randint(0, 99)) for _ in range(d.randint(1, 6))),
}
STATEMENTS: dict[str, tuple[str, ...]] = {
    "java": (
        "Running task {n}.0 in stage {n}.0 (TID {n})",
        "Finished task {n}.0 in stage {n}.0 (TID {n}). {n} bytes result sent to driver",
        "Block rdd_{n}_{n} stored as values in memory (estimated size {f} {unit}, free {f} {unit})",
        "Found block rdd_{n}_{n} locally",
        "Started {n} remote fetches in {n} ms",
        "Input split: hdfs://{host}:9000{path}:{n}+{n}",
        "Removed broadcast_{n}_piece0 on {ip}:{n} in memory (size: {f} {unit}, free: {f} {unit})",
        "Shutdown hook called",
    ),
    "cloud": (
        '{ip} "GET /v2/{hex}/servers/detail HTTP/1.1" status: {n} len: {n} time: {f}',
        "[instance: {uuid}] VM Started (Lifecycle Event)",
        "[instance: {uuid}] VM Paused (Lifecycle Event)",
        "[instance: {uuid}] Took {f} seconds to spawn the instance on the hypervisor.",
        "[instance: {uuid}] Total memory: {n} MB, used: {f} MB",
        "image {uuid} at (/var/lib/{word}/{hex}): checking",
        "Running audit for host {host} from 2017-05-14 {clock} to 2017-05-15 {clock}. {n} instances.",
    ),
    "phone": (
        "acquire lock={n}, flags=0x{hex}, uid={n}, pid={n}",
        "release lock={n}, flg=0x{hex}, uid={n}, pid={n}",
        "Skipping Window{{token=Token{{{hex} Activity{{{hex} u0 com.{word}.{word}}}}}}} -- going to hide",
        "update isOverlap:{bool}, getTopPadding={f}, translation={f}",
        "battery level: {n}, plugged: {bool}",
    ),
    "desktop": (
        r"Loaded Servicing Stack v6.1.{n} with Core: C:\Windows\winsxs\{word}_{hex}\{word}.dll",
        "Initializing online with opt-in: {bool}",
        "Read out applicability for package: Package_for_KB{n}, ApplicableState: {n}, CurrentState:{n}",
        "{hex} Created transaction (seq {n}) result 0x{hex}, handle @0x{hex}",
        "Failed to open package. [HRESULT = 0x{hex} - E_INVALID_PACKAGE]",
    ),
    "machine": (
        "generating core.{n}",
        "{n} double-hummer alignment exceptions",
        "CE sym {n}, at 0x{hex}, mask 0x{hex}",
        "failed to read message prefix on control stream (socket to {ip}:{n})",
        "r{n}=0x{hex} r{n}=0x{hex} r{n}=0x{hex} r{n}=0x{hex}",
        "data TLB error interrupt",
        "data storage interrupt",
        "Fan speeds ( {list} )",
    ),
    "syslog": (
        "session opened for user {name} by (uid=0)",
        "session closed for user {name}",
        "DHCPDISCOVER from {mac} via eth{n}",
        "DHCPDISCOVER from {mac} via eth1: network {word}: no free leases",
        "{hex}: from=<{name}@{host}>, size={n}, class=0, nrcpts={n}, relay=localhost [127.0.0.1]",
        "synchronized to {ip}, stratum {n}",
        "[{f}] eth{n}: link up, {n}Mbps, full-duplex",
        "Out of memory: Kill process {n} ({word}) score {n} or sacrifice child",
    ),
    "keys": (
        'level=info msg="request done" path={path}?id={n} status={n} duration={f}ms user={name}',
        'level=info msg="cache hit" key={word}:{n} ttl={n}s',
        'level=info msg="cache miss" key={word}:{n} ttl={n}s',
        'level=warn msg="slow query" table={word} rows={n} took={f}s',
        'level=error msg="dial tcp {ip}:{n}: connect: connection refused"',
        'level=info msg="rebalanced" partitions=[{list}]',
    ),
    "json": (
        '{{"level":"info","ts":{f},"msg":"order placed","order":"{uuid}","customer":"{name}","total":{f}}}',
        '{{"level":"info","ts":{f},"msg":"stock reserved","sku":"{word}-{n}","quantity":{n}}}',
        '{{"level":"warn","ts":{f},"msg":"retrying call","peer":"{host}","attempt":{n}}}',
        '{{"level":"error","ts":{f},"msg":"stock exhausted","sku":"{word}-{n}"}}',
    ),
    "access": (
        '{ip} - - [14/Jun/2026:{clock} +0000] "GET {path} HTTP/1.1" {n} {n} "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        "[error] [client {ip}] File does not exist: {path}",
        "[error] [client {ip}] script not found or unable to stat: {path}",
        '{n}#0: *{n} upstream timed out, client: {ip}, server: {host}, upstream: "http://{ip}:8080{path}"',
    ),
}
STYLES = tuple(STATEMENTS)


def lines_of(style: str, count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Lines in that style, earlier statements more often, and the statement of each line."""
    draw, statements = random.Random(seed), STATEMENTS[style]
    chosen = draw.choices(statements, [1 / (rank + 1) for rank in range(len(statements))], k=count)
    return [_written(statement, draw) for statement in chosen], chosen


def _written(statement: str, draw: random.Random) -> str:
    filled = re.sub(r"(?<!\{)\{([a-z]+)\}", lambda m: VALUES[m[1]](draw), statement)
    return filled.replace("{{", "{").replace("}}", "}")

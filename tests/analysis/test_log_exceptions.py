"""Exceptions and frames as five languages print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.analysis.log_exceptions import MOST_FRAMES, exception_in

PYTHON = """request failed
Traceback (most recent call last):
  File "/srv/shop/db.py", line 7, in fetch
    raise KeyError("sku")
KeyError: 'sku'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/app.py", line 31, in handle
    fetch(order)
  File "/srv/shop/stock.py", line 12, in fetch
    raise OutOfStock(f"no {sku}") from error
shop.errors.OutOfStock: no lamp
"""
JAVA = """2026-05-04 12:00:00 ERROR order failed
java.lang.IllegalStateException: could not place order
\tat com.example.Orders.place(Orders.java:41)
\tat app//com.example.Web.handle(Web.java:9)
Caused by: java.sql.SQLTimeoutException: pool exhausted
\tat com.example.Pool.take(Pool.java:77)
\tat com.example.Orders$1.run(Orders.java:38)
\t... 12 more
"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
runtime.gopanic(0x1)
\t/usr/local/go/src/runtime/panic.go:884 +0x212
main.pick(...)
\t/srv/cart/main.go:14
main.main()
\t/srv/cart/main.go:8 +0x1d

goroutine 2 [sleep]:
main.other()
\t/srv/cart/other.go:5
"""
JAVASCRIPT = """TypeError: Cannot read properties of undefined (reading 'price')
    at Cart.total (/srv/web/cart.js:20:14)
    at async /srv/web/server.js:8:3
    at new Session (node:internal/session:5:1)
"""
DOTNET = """Unhandled exception. System.InvalidOperationException: Sequence contains no elements
   at System.Linq.ThrowHelper.ThrowNoElementsException()
   at Shop.Orders.First(List`1 orders) in /src/Orders.cs:line 23
"""


@pytest.mark.parametrize(
    ("text", "language", "kind", "message", "places"),
    [
        (
            *(PYTHON, "python", "shop.errors.OutOfStock", "no lamp"),
            ["fetch (/srv/shop/stock.py:12)", "handle (/srv/shop/app.py:31)"],
        ),
        (
            *(JAVA, "java", "java.sql.SQLTimeoutException", "pool exhausted"),
            ["com.example.Pool.take (Pool.java:77)", "com.example.Orders$1.run (Orders.java:38)"],
        ),
        (
            *(GO, "go", "panic", "runtime error: index out of range [3] with length 3"),
            ["main.pick (/srv/cart/main.go:14)", "main.main (/srv/cart/main.go:8)"],
        ),
        (
            *(JAVASCRIPT, "javascript", "TypeError", "Cannot read properties of undefined (reading 'price')"),
            ["Cart.total (/srv/web/cart.js:20)", "? (/srv/web/server.js:8)", "Session (node:internal/session:5)"],
        ),
        (
            *(DOTNET, "dotnet", "System.InvalidOperationException", "Sequence contains no elements"),
            ["System.Linq.ThrowHelper.ThrowNoElementsException ()", "Shop.Orders.First (/src/Orders.cs:23)"],
        ),
    ],
)
def test_type_message_and_frames_are_read(text: str, language: str, kind: str, message: str, places: list[str]) -> None:
    raised = exception_in(text)
    assert raised is not None
    assert (raised.language, raised.type, raised.message) == (language, kind, message)
    assert [frame.place for frame in raised.frames] == places


def test_a_line_that_names_one_has_no_frames() -> None:
    raised = exception_in("payment failed: java.net.ConnectException: Connection refused")
    assert raised is not None
    assert (raised.type, raised.message, raised.frames) == ("java.net.ConnectException", "Connection refused", ())


@pytest.mark.parametrize("line", ["", "order 7 paid", "Error: no", "see the error page", "at noon (today:1:2)"])
def test_plain_lines_tell_of_none(line: str) -> None:
    assert exception_in(line) is None


def test_frames_are_bounded() -> None:
    frames = "".join(f"\tat a.B.c(B.java:{line})\n" for line in range(10_000))
    raised = exception_in(f"a.BadException: x\n{frames}")
    assert raised is not None
    assert len(raised.frames) == MOST_FRAMES


@pytest.mark.parametrize(
    "piece", ["at a(", "\n at a(b:1:1", '\n  File "', "(", "a.b.cError ", "f(x)\n\tb.go:1\n", "Error"]
)
def test_a_hostile_megabyte_ends(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    for head in ("", "Traceback (most recent call last):\n", "panic: x\n", "x\n"):
        exception_in(head + text)


@given(st.text(max_size=400))
def test_any_text_may_be_asked(text: str) -> None:
    exception_in(text)

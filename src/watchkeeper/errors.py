"""The errors that cross a room, named by what happens next.

    WatchkeeperError
    ├── QueryRejected       the question was malformed: goes back to whoever asked
    ├── SourceUnavailable   a backend did not answer: becomes Evidence(status="failed"), the run goes on
    ├── PayloadRejected     what was sent in cannot be read: 400 with the reason, nothing is written
    │   └── PayloadTooLarge  over the size limit: 413
    ├── StoreUnavailable    our own store cannot take more
    │   ├── QueueFull       try again later: 429 with Retry-After
    │   └── DiskFull        ingest stops and says so: 507
    ├── StoreIncompatible   the file was written by a newer watchkeeper, or is not ours
    ├── ModelUnavailable    the model did not answer, or not in time: the rules' diagnosis stands, and says so
    │   ├── ReplyRejected   the model's reply makes no sense: asked once more, then the same
    │   └── BudgetSpent     a limit of calls, tokens, money or seconds is reached: the best answer so far is given
    ├── KnowledgeUnavailable  runbooks cannot be read or searched: the answer does without, and says so
    ├── RecordsUnavailable  case records cannot be read or written: said, and the diagnosis is still given
    ├── DeliveryFailed      a target did not take what was to be delivered: tried again later
    │   ├── DeliveryRefused  it never will: a person must look
    │   └── DeliveryUncertain  it may have taken it, and cannot be asked: a person must look
    ├── AccessDenied        no token, a wrong one, or one without the scope: 401 or 403
    ├── DatasetRejected     a data set is not in the layout in which it was published, or a file of it is broken
    └── ConfigError         a setting is wrong: stops, and names file and key

Everything else is a bug and stops the run.
"""


class WatchkeeperError(Exception):
    """Anything watchkeeper says to a person in one sentence: what, where, what was expected."""


class QueryRejected(WatchkeeperError):
    """The question itself was wrong; asking again with better arguments may work."""


class SourceUnavailable(WatchkeeperError):
    """A telemetry source did not answer, or not in time."""


class PayloadRejected(WatchkeeperError):
    """What was sent in could not be read; nothing of it was written."""


class PayloadTooLarge(PayloadRejected):
    """What was sent in is larger than the limit, after decompression."""


class StoreUnavailable(WatchkeeperError):
    """The telemetry store cannot take or give anything at the moment."""


class QueueFull(StoreUnavailable):
    """More is arriving than can be written; the sender should try again later."""


class DiskFull(StoreUnavailable):
    """There is no room left to write to; what was acknowledged is safe."""


class StoreIncompatible(WatchkeeperError):
    """The store's file has a schema that this version cannot read."""


class ModelUnavailable(WatchkeeperError):
    """The model cannot be asked any more in this run; the message says what happened, without any secret."""


class ReplyRejected(ModelUnavailable):
    """What the model replied is empty, refused, or does not fit the schema; it may be asked once more."""


class BudgetSpent(ModelUnavailable):
    """A limit of calls, tokens, money or seconds is reached; the message names it."""


class KnowledgeUnavailable(WatchkeeperError):
    """The runbooks' index or its sources cannot be read; the message says what was tried."""


class RecordsUnavailable(WatchkeeperError):
    """The records of cases cannot be opened, read or written; what was diagnosed can still be shown."""


class DeliveryFailed(WatchkeeperError):
    """A target could not be reached, or said that it cannot now; trying again later may work.

    `after_seconds` is how long it asked to be left alone.
    """

    def __init__(self, message: str, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class DeliveryRefused(DeliveryFailed):
    """A target understood and said no: a wrong key, no permission, a field that it does not know."""


class DeliveryUncertain(DeliveryFailed):
    """It was sent and no answer came; the target cannot be asked whether it arrived, so nobody sends it again alone."""


class AccessDenied(WatchkeeperError):
    """Whoever asks has not shown a token that allows it; the message never repeats a token."""


class DatasetRejected(WatchkeeperError):
    """A data set is not where or what it should be; the message names the file and what was expected."""


class ConfigError(WatchkeeperError):
    """A setting is wrong; the message names the file, the key and what was expected."""

"""The sentence as one plain function: a signal comes in, evidence is gathered, a diagnosis is made."""

from watchkeeper.pipeline.case_files import with_investigation
from watchkeeper.pipeline.diagnosing import NO_MORE, diagnose, diagnose_again, resume
from watchkeeper.pipeline.run import READINGS
from watchkeeper.pipeline.scan import Scan

__all__ = ["NO_MORE", "READINGS", "Scan", "diagnose", "diagnose_again", "resume", "with_investigation"]

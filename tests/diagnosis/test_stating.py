"""What a cause needs before it may be stated: what sets it apart, and when its trouble began."""

import pytest

from watchkeeper.diagnosis.verify import grounding_of
from watchkeeper.domain import Claim


def claim(role: str = "cause", about: str = "cart", standing: str = "supports") -> Claim:
    return Claim.model_validate({"text": "so", "evidence": "e1", "role": role, "about": about, "standing": standing})


def test_a_cause_that_is_set_apart_in_time_may_be_stated():
    assert grounding_of("cart", [claim(), claim("timing")]) is None


@pytest.mark.parametrize(
    "claims",
    [
        [claim()],
        [claim(), claim("timing", about="gateway")],
        [claim(), claim("timing", standing="holds")],
    ],
)
def test_nobody_is_the_cause_whose_trouble_has_no_time(claims: list[Claim]):
    assert grounding_of("cart", claims) == "it is not established that the trouble of cart began with the first symptom"


def test_time_alone_makes_no_cause():
    because = grounding_of("cart", [claim("timing")])
    assert because is not None
    assert "sets cart apart" in because

"""How probable the rules and a model together hold each cause: a weighted mean of both, the statistics first."""

from collections.abc import Mapping

RULES_WEIGHT = 0.65
"""What the rules' probabilities count where they state a cause.

With it a cause that the rules hold for .8 likely and more stays stated whatever a model thinks, and one that they hold
for less likely becomes *inconclusive* where the model disagrees. Set by judgement (see decision 0007).
"""
OPEN_WEIGHT = 0.5
"""The same where the rules could not decide."""
UNDECIDED = 0.05
"""What a model's probabilities leave to what nobody thought of, at least."""


def pooled(rules: Mapping[str, float], model: Mapping[str, float], *, is_stated: bool) -> dict[str, float]:
    """Probability of each component, the most probable first; each mapping is one side's, of components.

    A model that adds up to more than one is scaled down; where it proposes nothing the rules' stand as they are.
    """
    if not model:
        return _ordered(rules)
    weight = RULES_WEIGHT if is_stated else OPEN_WEIGHT if rules else 1 - RULES_WEIGHT
    total = sum(model.values())
    scale = min(1.0, (1 - UNDECIDED) / total) if total > 0 else 0.0
    names = {**rules, **model}
    return _ordered(
        {name: weight * rules.get(name, 0.0) + (1 - weight) * scale * model.get(name, 0.0) for name in names}
    )


def _ordered(probabilities: Mapping[str, float]) -> dict[str, float]:
    ranked = sorted(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: round(probability, 3) for name, probability in ranked}

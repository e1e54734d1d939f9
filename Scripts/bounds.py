"""The bounds of the parity checks: how far a float32 result may be from one in float64."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from epas_command import Mismatch

# The largest relative error of a float32 result, and how much larger than the error of the
# reference in float32 it may be where a case is ill-conditioned.
BOUND = 1e-5
CONDITION = 5

# The error of one float32 result is a draw: between models that differ in the fifth digit it varies
# by more than ten times where a case is ill-conditioned, and PyTorch now and then exceeds five
# times its own error for a neighbour. So where ours does, the median over neighbours decides,
# which varies less and may be larger than the reference's median by a smaller factor.
NEIGHBOURS = 15
NEIGHBOURS_CONDITION = 3


@dataclass(frozen=True)
class Error:
    """The relative errors of a result and of the reference's in float32, both to float64."""

    ours: float
    reference: float
    # What a result may be off by however well-conditioned it is.
    allowed: float = BOUND


def check_errors(
    errors: dict[str, Error], of_neighbour: Callable[[int], dict[str, Error]]
) -> tuple[float, str]:
    """Raises Mismatch where an error exceeds its bound, for the model and for its neighbours, of
    which `of_neighbour` gives the errors by number.

    Returns the largest error and a line that names the results which neighbours decided, or "".
    """
    doubtful = []
    for name, error in errors.items():
        bound = max(error.allowed, CONDITION * error.reference)
        if not math.isfinite(error.ours):
            raise Mismatch(f"{name} has relative error {error.ours:.2e}, allowed {bound:.2e}")
        if error.ours > bound:
            doubtful.append(name)
    largest = max(error.ours for error in errors.values())
    if not doubtful:
        return largest, ""
    neighbours = [of_neighbour(number) for number in range(NEIGHBOURS)]
    for name in doubtful:
        ours = [errors[name].ours for errors in neighbours]
        error = statistics.median(ours)
        references = [errors[name].reference for errors in neighbours]
        bound = max(errors[name].allowed, NEIGHBOURS_CONDITION * statistics.median(references))
        if not (all(map(math.isfinite, ours)) and error <= bound):
            raise Mismatch(
                f"{name} has relative error {errors[name].ours:.2e}, and {error:.2e} in the median "
                f"of {NEIGHBOURS} neighbours, allowed {bound:.2e}"
            )
        # Nor may this model be an exception among its neighbours.
        bound = CONDITION * max(references)
        if errors[name].ours > bound:
            raise Mismatch(
                f"{name} has relative error {errors[name].ours:.2e}, allowed {bound:.2e} by the "
                f"largest of the reference's over {NEIGHBOURS} neighbours"
            )
    return largest, f"\n                by neighbours' medians: {', '.join(doubtful)}"

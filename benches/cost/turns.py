"""Two sides measured in turn.

Each turn gives a ratio, of which the median counts: what else goes on on the machine concerns both
sides of a turn about alike.
"""

import math
import statistics

from report import Row

# With fewer turns nothing can be said with 95% certainty.
FEWEST = 6


def explained(number):
    return f"Medians of {number} turns; in brackets where the ratio's true median lies, with 95% certainty."


def take(measure, sides, number):
    """So many pairs of results: now the one side is first and now the other."""
    pairs = []
    for turn in range(number):
        order = reversed(sides) if turn % 2 else sides
        found = {side: measure(side) for side in order}
        pairs.append([found[side] for side in sides])
    return pairs


def row(name, pairs, figure, bound=None):
    """One figure of the results."""
    pairs = [[getattr(result, figure) for result in pair] for pair in pairs]
    ratios = sorted(module / stock for stock, module in pairs)
    stock, module = (statistics.median(side) for side in zip(*pairs))
    return Row(name, stock, module, bound, statistics.median(ratios), certain(ratios))


def certain(values):
    """Where the median lies with 95% certainty, of sorted values: as many of the outermost are left off as that
    allows, since each value is as likely above the true median as below it."""
    number = len(values)
    left, outside = 0, 2 / 2**number
    while left < (number - 1) // 2:
        outside += 2 * math.comb(number, left + 1) / 2**number
        if outside > 0.05:
            break
        left += 1
    return values[left], values[-1 - left]

"""Find the year in which the flow changed, and how sure that is.

The series is split where two means fit it best by least squares; a permutation test tells
how often a series in random order would split as well.
"""

import json
import random
import statistics

min_years = 10  # a part of the series is at least so long
permutations = 500
seed = 1

years, flows = zip(*(map(float, line.split(",")) for line in open("data/flow.csv")))
if 2 * min_years > len(flows):
    raise SystemExit(f"fit: {len(flows)} years cannot be split into two parts of {min_years}")


def best_split(series):
    """The index that splits *series* best, and the sum of squares that it explains."""
    total, count = sum(series), len(series)
    left = sum(series[:min_years])
    best = (0, 0.0)
    for i in range(min_years, count - min_years + 1):
        explained = left**2 / i + (total - left) ** 2 / (count - i) - total**2 / count
        best = max(best, (i, explained), key=lambda pair: pair[1])
        if i < count:
            left += series[i]
    return best


split, explained = best_split(flows)
shuffled = list(flows)
generator = random.Random(seed)
as_good = 0
for n in range(1, permutations + 1):
    generator.shuffle(shuffled)
    as_good += best_split(shuffled)[1] >= explained
    if n % 100 == 0:
        print(f"permutation: {n} as good: {as_good}", flush=True)

result = {
    "change_year": int(years[split]),
    "mean_before": round(statistics.fmean(flows[:split]), 1),
    "mean_after": round(statistics.fmean(flows[split:]), 1),
    "p": (as_good + 1) / (permutations + 1),
}
json.dump(result, open("summary.json", "w"), indent=2)
print(f"the flow changed in {result['change_year']}, p = {result['p']:.4f}")

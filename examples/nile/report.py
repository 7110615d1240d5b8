"""Draw the series and its change as text; fail where the change may be chance."""

import json

alpha = 0.01
width = 60

change = json.load(open("summary.json"))
rows = [line.strip().split(",") for line in open("data/flow.csv")]
if change["p"] > alpha:
    raise SystemExit(f"report: p = {change['p']:.4f} is above alpha = {alpha}")

top = max(float(flow) for _, flow in rows)
with open("report.txt", "w") as report:
    for year, flow in rows:
        if int(year) == change["change_year"]:
            report.write(f"---- {change['mean_before']} before, {change['mean_after']} after\n")
        report.write(f"{year} {'#' * round(float(flow) / top * width)} {flow}\n")
print(f"report.txt: {len(rows)} years, a change in {change['change_year']}")

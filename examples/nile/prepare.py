"""Check the measurements and write them without their header."""

import csv
import pathlib

first_year = 1871
last_year = 1970

lines = [line for line in open("nile.csv") if not line.startswith("#")]
rows = [(int(row["year"]), float(row["flow"])) for row in csv.DictReader(lines)]
kept = [(year, flow) for year, flow in rows if first_year <= year <= last_year]
missing = set(range(first_year, last_year + 1)) - {year for year, _ in kept}
if missing:
    raise SystemExit(f"prepare: no measurement of {min(missing)}")

pathlib.Path("data").mkdir(exist_ok=True)  # a restart finds what was there
pathlib.Path("data/flow.csv").write_text("".join(f"{year},{flow:g}\n" for year, flow in kept))
print(f"{len(kept)} years, {first_year} to {last_year}")

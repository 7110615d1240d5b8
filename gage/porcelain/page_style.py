"""The style of a report's page: on screens wide and narrow, light and dark, and on paper."""

_LIGHT = """
  --paper: #fbfbfa; --card: #ffffff; --ink: #1d2125; --soft: #6a717b; --rule: #e4e5e8;
  --shade: #f3f4f5; --link: #0b62c4;
  --good: #18794e; --good-paper: #e6f4ec; --bad: #c4311f; --bad-paper: #fdebe8;
  --busy: #0b62c4; --busy-paper: #e7f0fb; --odd: #8a5a00; --odd-paper: #fbf1dc;
  --c0: #2563c9; --c1: #d2581b; --c2: #1a8754; --c3: #8b45c2;
  --c4: #c22f5f; --c5: #0a8796; --c6: #8f6a00; --c7: #5b6472;
  --f0: #1d2125; --f1: #b3261e; --f2: #18794e; --f3: #8a5a00;
  --f4: #2563c9; --f5: #8b45c2; --f6: #0a7482; --f7: #6a717b;
"""

_DARK = """
  --paper: #14171a; --card: #1b1f24; --ink: #e4e7ea; --soft: #98a1ab; --rule: #2d333a;
  --shade: #22272d; --link: #74b0ff;
  --good: #5fd09a; --good-paper: #17352a; --bad: #ff8f80; --bad-paper: #3f1f1c;
  --busy: #74b0ff; --busy-paper: #19304d; --odd: #e6b95c; --odd-paper: #392c12;
  --c0: #6ba3ff; --c1: #ff9a62; --c2: #5fd09a; --c3: #c792f5;
  --c4: #ff86aa; --c5: #54cfdd; --c6: #e0bd55; --c7: #a8b1bd;
  --f0: #8b949e; --f1: #ff8f80; --f2: #5fd09a; --f3: #e6b95c;
  --f4: #74b0ff; --f5: #c792f5; --f6: #54cfdd; --f7: #c9d0d6;
"""

_CURVES = "\n".join(f".c{n} {{ --c: var(--c{n}); }}" for n in range(8))
_COLOURS = "\n".join(
    f".f{n}, .f{n + 8} {{ color: var(--f{n}); }}\n.f{n + 8} {{ font-weight: 600; }}"
    for n in range(8)
)

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }}
body {{
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 76rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}}
h1 {{ margin: 0; font-size: 1.7rem; line-height: 1.2; letter-spacing: -0.015em; }}
h2 {{ margin: 2.8rem 0 0.9rem; font-size: 1.15rem; letter-spacing: -0.01em; }}
h3 {{
  margin: 1.4rem 0 0.4rem; font-size: 0.75rem; font-weight: 600; color: var(--soft);
  letter-spacing: 0.06em; text-transform: uppercase;
}}
header p, .note {{ margin: 0.35rem 0 0; color: var(--soft); }}
.note {{ font-size: 0.87rem; margin: 0.4rem 0; }}
a {{ color: var(--link); text-decoration: none; }}
a:hover {{ text-decoration: underline; }}
pre, .value, .id {{ font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }}
.value, .id {{ font-size: 0.9em; }}
.card {{
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden;
}}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
.card table {{ width: 100%; }}
th, td {{
  padding: 0.42rem 0.9rem; text-align: left; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--rule);
}}
tr:last-child > td, tr:last-child > th[scope=row] {{ border-bottom: 0; }}
thead th {{
  font-size: 0.8rem; font-weight: 600; color: var(--soft); background: var(--shade);
}}
th[scope=row] {{ font-weight: 400; color: var(--soft); }}
td.text {{ white-space: pre-wrap; overflow-wrap: anywhere; min-width: 8rem; max-width: 34rem; }}
.swatch {{
  display: inline-block; width: 0.7rem; height: 0.7rem; margin-right: 0.55rem;
  border-radius: 3px; background: var(--c); vertical-align: -0.04em;
}}
.swatch.again {{ background: none; border: 2px solid var(--c); }}
.status {{
  display: inline-block; padding: 0.06rem 0.55rem; border-radius: 1rem; font-size: 0.8rem;
  font-weight: 600; color: var(--odd); background: var(--odd-paper);
}}
.status.completed {{ color: var(--good); background: var(--good-paper); }}
.status.error, .status.terminated {{ color: var(--bad); background: var(--bad-paper); }}
.status.running, .status.staged, .status.pending {{
  color: var(--busy); background: var(--busy-paper);
}}
.charts {{
  margin-bottom: 1rem; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr));
}}
figure {{ margin: 0; padding: 0.9rem 0.9rem 0.4rem; }}
figcaption {{ font-weight: 600; margin: 0 0 0.3rem 0.2rem; }}
svg {{ display: block; width: 100%; height: auto; overflow: visible; }}
svg text {{ font-size: 12px; fill: var(--soft); text-anchor: middle; }}
svg text.up {{ text-anchor: end; }}
.base {{ stroke: var(--soft); stroke-width: 1; opacity: 0.6; }}
.grid {{ stroke: var(--rule); stroke-width: 1; }}
.curve path {{
  fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
}}
.curve.again path {{ stroke-dasharray: 5 5; }}
.curve circle {{ fill: var(--c); }}
.curve:hover path {{ stroke-width: 3.5; }}
{_CURVES}
.run {{ margin: 0 0 1rem; padding: 0 1.2rem 1.2rem; }}
.run > summary {{
  margin: 0 -1.2rem; padding: 0.85rem 1.2rem; cursor: pointer; font-weight: 600;
  overflow-wrap: anywhere;
}}
.run[open] {{ padding-bottom: 1.2rem; }}
.run:not([open]) {{ padding-bottom: 0; }}
.run > summary:hover {{ background: var(--shade); }}
.run > summary .status {{ margin-left: 0.6rem; }}
.run > summary .more {{ color: var(--soft); font-weight: 400; margin-left: 0.6rem; }}
.parts {{
  display: grid; gap: 0 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr));
}}
.parts > div {{ min-width: 0; overflow-x: auto; }}
.card table.plain {{ width: auto; }}
.plain td, .plain th {{
  padding: 0.16rem 1.3rem 0.16rem 0; border: 0; white-space: normal; overflow-wrap: break-word;
}}
.plain th[scope=row] {{ white-space: pre; }}
.wide {{ grid-column: 1 / -1; }}
.wide .plain td {{ white-space: nowrap; }}
.plain thead th {{ background: none; }}
pre {{
  margin: 0; padding: 0.8rem 1rem; background: var(--shade); border-radius: 8px; overflow: auto;
  max-height: 32rem; font-size: 12.5px; line-height: 1.5; tab-size: 8;
}}
.plus {{ color: var(--good); background: var(--good-paper); }}
.minus {{ color: var(--bad); background: var(--bad-paper); }}
.place {{ color: var(--busy); }}
.plus, .minus, .place {{ display: inline-block; min-width: 100%; }}
.b {{ font-weight: 700; }}
{_COLOURS}
footer {{ margin-top: 3rem; color: var(--soft); font-size: 0.85rem; }}
@media (max-width: 40rem) {{
  body {{ padding: 1.4rem 0.9rem 3rem; font-size: 14.5px; }}
  h1 {{ font-size: 1.35rem; }}
  th, td {{ padding: 0.4rem 0.7rem; }}
  .run {{ padding-left: 0.9rem; padding-right: 0.9rem; }}
  .run > summary {{ margin: 0 -0.9rem; padding: 0.8rem 0.9rem; }}
}}
@media print {{
  :root {{ color-scheme: light; {_LIGHT} }}
  body {{ padding: 0; max-width: none; font-size: 10.5pt; background: none; }}
  .card {{ break-inside: avoid; }}
  .run {{ break-inside: auto; }}
  h2, h3, summary {{ break-after: avoid; }}
  pre {{ max-height: none; white-space: pre-wrap; overflow-wrap: anywhere; }}
  .scroll, .parts > div {{ overflow: visible; }}
  th, td {{ white-space: normal; }}
  .parts {{ grid-template-columns: 1fr 1fr; }}
  details::details-content {{ content-visibility: visible; height: auto; }}
  .status, .swatch, .plus, .minus {{ print-color-adjust: exact; }}
}}
"""

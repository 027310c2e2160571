"""How the status page looks: system fonts, light and dark, tables that become cards on a phone."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f5f6f8; --card: #ffffff; --line: #dde1e7; --track: #e6e9ee; --text: #1a1f28; --muted: #566071;
  --link: #1d5fbf; --ok: #19733f; --warn: #8f5400; --bad: #b3261e;
  --warn-ground: #fff6e5; --warn-line: #ecd09a; --bad-ground: #fdeeec; --bad-line: #efbdb8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12151a; --card: #1a1e25; --line: #2d343f; --track: #2d343f; --text: #e8ebef; --muted: #a4aebb;
    --link: #8ab8ff; --ok: #62cc90; --warn: #f2b65c; --bad: #ff8f85;
    --warn-ground: #2a2214; --warn-line: #5c481f; --bad-ground: #2e1a19; --bad-line: #673330;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
.brand { margin: 0; color: var(--muted); font-weight: 600; letter-spacing: .01em; }
h1 {
  display: flex; align-items: center; gap: 12px; margin: 4px 0 4px; font-size: 30px; line-height: 1.25;
  font-weight: 650; letter-spacing: -.01em; text-wrap: balance;
}
h1 .icon { flex: none; width: 28px; height: 28px; }
h2 { margin: 40px 0 12px; font-size: 18px; line-height: 1.3; font-weight: 650; }
h3 { margin: 0; font-size: 15px; font-weight: 650; }
p { margin: 0; }
a { color: var(--link); text-underline-offset: 2px; }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px;
}
.muted, small { color: var(--muted); }
small { font-size: 13px; }
.ok { color: var(--ok); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.icon { width: 12px; height: 12px; fill: currentColor; vertical-align: -1px; }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
bdi, .message, li small, footer { overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.sums { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 24px 0 0; overflow: hidden;
  background: var(--line); }
.sums div { padding: 12px 16px; background: var(--card); }
.sums dt { color: var(--muted); font-size: 13px; }
.sums dd { margin: 0; font-size: 20px; line-height: 1.35; font-weight: 600; }
.sums dd small { display: block; font-weight: 400; }
.banner { margin-top: 24px; padding: 14px 18px; border: 1px solid var(--bad-line); border-radius: 10px;
  background: var(--bad-ground); }
.banner.degraded { border-color: var(--warn-line); background: var(--warn-ground); }
.banner p + p, .trouble p + p { margin-top: 4px; }
.troubles { display: grid; gap: 12px; margin: 0; padding: 0; list-style: none; }
.trouble { padding: 14px 18px; }
.trouble h3 { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap; margin-bottom: 4px; }
.trouble h3 small { font-weight: 400; }
.message { color: var(--muted); }
details { margin-top: 6px; }
summary { color: var(--link); cursor: pointer; width: fit-content; }
details ul { margin: 6px 0 0; padding-left: 20px; }
details li + li { margin-top: 6px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 9px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; font-size: 13px; font-weight: 600; color: var(--muted); vertical-align: bottom; }
thead small { display: block; font-size: 12px; font-weight: 400; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 150px; }
th small { font-weight: 400; }
tbody th small { display: block; }
.runs tbody th small { display: inline; margin-left: 6px; }
.number { text-align: right; white-space: nowrap; }
.nowrap { white-space: nowrap; }
.grid td { white-space: nowrap; }
.grid .age { font-weight: 500; }
.grid .state, .grid .promise { display: block; font-size: 13px; }
.grid .promise { display: none; color: var(--muted); }
.bar { display: block; width: 100%; max-width: 88px; height: 3px; margin-top: 5px; border-radius: 2px; }
.bar .track { fill: var(--track); }
.bar .fill { fill: currentColor; }
td details { margin: 0; white-space: normal; max-width: 46ch; }
td details p { margin-top: 4px; }
.zero { color: var(--muted); }
footer { padding-top: 28px; padding-bottom: 40px; color: var(--muted); font-size: 13px; }
footer p + p { margin-top: 4px; }
nav { margin-bottom: 8px; }
nav a { margin-right: 16px; }
@media (max-width: 900px) {
  header, main, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 20px; }
  h1 { font-size: 24px; } h1 .icon { width: 24px; height: 24px; }
  h2 { margin-top: 32px; }
  .sums { grid-template-columns: 1fr 1fr; }
  .sums div { padding: 10px 14px; }
  .scroll.card { border: 0; background: none; overflow: visible; }
  table, tbody { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); }
  tbody tr {
    display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px 16px; padding: 12px 14px;
    background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  }
  th, td { padding: 0; border: 0; }
  tbody th, td.wide { grid-column: 1 / -1; }
  .number { text-align: left; }
  td[data-name]::before { content: attr(data-name); display: block; color: var(--muted); font-size: 13px; }
  .grid td { white-space: normal; }
  .grid .promise { display: inline; }
  .grid .none { display: none; }
  .bar { max-width: none; }
  tbody th { min-width: 0; }
  .runs tbody { gap: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
  .runs tbody tr { display: flex; flex-wrap: wrap; gap: 2px 12px; border: 0; background: none; }
  .runs tbody tr + tr { border-top: 1px solid var(--line); border-radius: 0; }
  .runs th { flex: 1 1 55%; }
  .runs td.wide { flex: none; }
  .runs td[data-name]::before { display: inline; content: attr(data-name) " "; }
  .runs .zero { display: none; }
  nav { display: grid; grid-template-columns: repeat(2, max-content); gap: 10px 8px; }
}
"""

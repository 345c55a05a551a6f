"""The look of the pages: one style sheet, light and dark, no font or script from elsewhere."""

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16191d;--soft:#5d6673;--line:#e3e6eb;--accent:#3b5bdb;
--accent-soft:#a5b8f8;--good:#2b8a3e;--bad:#d6336c;--warn:#b7791f;--grid:#eceef2;
--sans:Inter,system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",
sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Code",Menlo,Consolas,"Noto Sans Mono CJK SC",monospace}
@media (prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#171b21;--ink:#e8eaed;--soft:#98a2b0;--line:#262c35;
--accent:#91a7ff;--accent-soft:#44569c;--good:#69db7c;--bad:#faa2c1;--warn:#ffd43b;--grid:#222831}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 var(--sans);-webkit-font-smoothing:antialiased}
main{max-width:1160px;margin:0 auto;padding:40px 24px 80px}
header{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline;margin-bottom:28px}
h1{font-size:28px;line-height:1.2;margin:0;font-weight:650;letter-spacing:-.02em}
h2{font-size:17px;margin:44px 0 14px;font-weight:620;letter-spacing:-.01em}
h2 small,header p{color:var(--soft);font-weight:400;font-size:14px;margin:0}
code,.mono{font-family:var(--mono);font-size:.86em}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(212px,1fr));gap:12px}
.card,.panel{background:var(--card);border:1px solid var(--line);border-radius:12px}
.card{padding:14px 16px 13px}
.card h3{margin:0;font-size:13px;font-weight:500;color:var(--soft);overflow-wrap:anywhere}
.card b{display:block;font-size:27px;font-weight:640;letter-spacing:-.02em;font-variant-numeric:tabular-nums;
margin:2px 0 8px}
.card b.none{color:var(--soft);font-weight:450}
.card p{margin:7px 0 0;font-size:12.5px;color:var(--soft);font-variant-numeric:tabular-nums}
.span{position:relative;height:6px;border-radius:3px;background:var(--grid)}
.span i{position:absolute;top:0;bottom:0;border-radius:3px;background:var(--accent-soft);min-width:2px}
.span u{position:absolute;top:-2px;width:3px;height:10px;margin-left:-1.5px;border-radius:2px;background:var(--accent)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,470px),1fr));gap:12px}
figure{margin:0;padding:16px 18px 12px}
figcaption{font-weight:600;font-size:14px}
figcaption small{display:block;font-weight:400;color:var(--soft);font-size:12.5px}
svg{display:block;width:100%;height:auto;margin-top:10px}
svg text{font:11px var(--sans);fill:var(--soft)}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .axis{stroke:var(--line);stroke-width:1}
svg .line{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
svg .ideal{fill:none;stroke:var(--soft);stroke-width:1;stroke-dasharray:3 4}
svg .area,svg .bar{fill:var(--accent);opacity:.2}
svg .bar{opacity:.85}
svg .mark{stroke:var(--bad);stroke-width:1.5}
svg .dot{fill:var(--accent)}
svg .gap{fill:var(--bad);opacity:.28}
svg .note{fill:var(--ink);font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
svg .cell{fill:var(--accent)}
svg .cell.off{fill:var(--bad)}
svg .count{fill:var(--ink);font-variant-numeric:tabular-nums}
.panel{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;font-weight:500;color:var(--soft);font-size:12.5px;white-space:nowrap}
th,td{padding:9px 14px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td small{color:var(--soft)}
td.q{min-width:240px;max-width:460px;overflow-wrap:anywhere}
td.w{overflow-wrap:anywhere;min-width:90px}
.tag{display:inline-block;padding:1px 8px;border-radius:99px;font-size:12px;background:var(--grid);white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.soft{color:var(--soft)}
.verdict{padding:14px 18px;border-radius:12px;border:1px solid var(--line);background:var(--card);font-weight:600}
.verdict.bad{border-color:var(--bad)}.verdict.good{border-color:var(--good)}
.notice{padding:10px 16px;border-radius:10px;background:var(--card);border:1px solid var(--warn);margin:0 0 12px;
font-size:14px}
details summary{cursor:pointer;color:var(--accent);font-size:12.5px}
pre{margin:6px 0 0;padding:10px 12px;border-radius:8px;background:var(--bg);font:12px/1.5 var(--mono);
white-space:pre-wrap;overflow-wrap:anywhere;max-height:340px;overflow:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 18px;margin:0;padding:14px 18px;font-size:13.5px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
input[type=search]{width:100%;padding:10px 14px;margin-bottom:10px;border:1px solid var(--line);border-radius:10px;
background:var(--card);color:var(--ink);font:inherit}
input[type=search]:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media print{body{background:#fff}.panel,.card{break-inside:avoid}}
"""

# Hides the rows of the table after the box that do not hold what is typed. The page works without it.
SCRIPT = """
document.querySelectorAll('input[data-filter]').forEach(box=>box.addEventListener('input',()=>{
const want=box.value.trim().toLowerCase();
document.querySelectorAll('#'+box.dataset.filter+' tbody tr').forEach(row=>{
row.hidden=want!==''&&!row.textContent.toLowerCase().includes(want)})}));
"""

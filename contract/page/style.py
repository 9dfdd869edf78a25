"""The page's style sheet: one column, calm, two tones of light, and paper."""

from __future__ import annotations

_LIGHT = """
--ground:#f5f6f7;--sheet:#fff;--rule:#dce0e3;--ink:#1d2429;--quiet:#56616a;--accent:#0f5f66;
--good:#1c6b3c;--good-soft:#e2f2e8;--bad:#a3242d;--bad-soft:#fbe7e8;--warn:#7a4d00;
--warn-soft:#fbefd8;--still:#4a555d;--still-soft:#e9ecee;--band:#e6eeee;
--before:#c7743f;--after:#0f5f66;--never:#a9b4ba;--other-1:#6a5a8e;--other-2:#8a7a2e;
--other-3:#4d6d3a;
"""
_DARK = """
--ground:#14181b;--sheet:#1b2024;--rule:#343c42;--ink:#e4e8ea;--quiet:#a3aeb5;--accent:#7fcbd1;
--good:#86d3a3;--good-soft:#17331f;--bad:#f5a3a8;--bad-soft:#43191d;--warn:#ecc077;
--warn-soft:#3a2b0f;--still:#b7c1c7;--still-soft:#2a3136;--band:#243437;
--before:#e0925c;--after:#5fc3ca;--never:#7b878e;--other-1:#b0a0d8;--other-2:#cdbb63;
--other-3:#93b77d;
"""
_TONES = (
    *("ink", "quiet", "good", "bad", "warn", "before", "after", "never"),
    *("other-1", "other-2", "other-3"),
)
_DRAWN = "".join(
    f"svg .{tone}{{fill:var(--{tone})}}"
    f"svg line.{tone},svg polyline.{tone}{{stroke:var(--{tone});fill:none}}"
    for tone in _TONES
)
STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
html{{scroll-behavior:smooth;-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--ground);color:var(--ink);
font:1rem/1.55 "Noto Sans",system-ui,-apple-system,"Segoe UI",sans-serif}}
header,nav,main,footer{{max-width:58rem;margin-inline:auto;padding-inline:clamp(1rem,4vw,2rem)}}
header{{padding-top:2.2rem}}
h1{{font-size:1.5rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}}
h2{{font-size:1.2rem;line-height:1.3;margin:0 0 .7rem;text-wrap:balance}}
h3{{font-size:1rem;line-height:1.4;margin:1.2rem 0 .4rem}}
p{{margin:0 0 .7rem;max-width:46rem}}
header p,footer p,.quiet{{color:var(--quiet)}}
.small{{font-size:.875rem}}
ul,ol{{margin:0 0 .7rem;padding-left:1.2rem;max-width:46rem}}
li{{margin-bottom:.3rem}}
a{{color:var(--accent)}}
:focus-visible{{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}}
nav ul{{list-style:none;padding:0;margin:.9rem 0 1.1rem;display:flex;flex-wrap:wrap;
gap:.15rem 1.1rem;max-width:none;font-size:.9rem}}
nav li{{margin:0}}
nav a{{display:inline-block;padding:.2rem 0}}
section{{background:var(--sheet);border:1px solid var(--rule);border-radius:.6rem;
padding:1.3rem clamp(1rem,3vw,1.6rem) 1rem;margin-bottom:1.1rem}}
.verdict{{border-left:.45rem solid var(--tone)}}
.verdict.good{{--tone:var(--good);--soft:var(--good-soft)}}
.verdict.bad{{--tone:var(--bad);--soft:var(--bad-soft)}}
.verdict.warn{{--tone:var(--warn);--soft:var(--warn-soft)}}
.verdict.still{{--tone:var(--still);--soft:var(--still-soft)}}
.verdict h2{{font-size:1.35rem;color:var(--tone);display:flex;align-items:center;gap:.6rem}}
.sign{{flex:none;display:inline-grid;place-items:center;width:2rem;height:2rem;
border-radius:50%;background:var(--soft);font-size:1.05rem}}
.lead{{font-size:1.12rem;line-height:1.5}}
.mark{{display:inline-block;font-size:.8rem;font-weight:600;line-height:1.5;white-space:nowrap;
padding:.05rem .5rem;border-radius:.3rem}}
.mark.good{{color:var(--good);background:var(--good-soft)}}
.mark.bad{{color:var(--bad);background:var(--bad-soft)}}
.mark.warn{{color:var(--warn);background:var(--warn-soft)}}
.mark.still{{color:var(--still);background:var(--still-soft)}}
.facts{{margin:1rem 0 .4rem;display:grid;gap:.5rem 1.6rem;
grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr))}}
.facts dt{{font-size:.82rem;color:var(--quiet)}}
.facts dd{{margin:0;overflow-wrap:anywhere}}
[aria-labelledby=record] .facts{{grid-template-columns:1fr}}
[aria-labelledby=record] dd{{font:.86rem/1.5 ui-monospace,"Noto Sans Mono",monospace}}
.glance,.gates{{list-style:none;padding:0;margin:0;max-width:none}}
.glance li,.gates li{{display:grid;grid-template-columns:8.2rem 1fr;gap:.2rem 1rem;
align-items:start;padding:.55rem 0;margin:0;border-top:1px solid var(--rule)}}
.glance b,.gates b{{font-weight:600}}
.glance div,.gates div{{max-width:44rem}}
.glance .mark,.gates .mark{{justify-self:start;margin-top:.1rem}}
article{{border-top:1px solid var(--rule);padding-top:.3rem;margin-top:1.3rem}}
article:first-of-type{{border:0;margin-top:0}}
table{{border-collapse:collapse;width:100%;font-size:.875rem;margin:.6rem 0 .9rem;
font-variant-numeric:tabular-nums}}
th,td{{text-align:left;vertical-align:baseline;padding:.35rem .6rem .35rem 0;
border-bottom:1px solid var(--rule)}}
thead th{{color:var(--quiet);font-weight:600;font-size:.8rem}}
tbody th{{font-weight:400}}
tfoot th,tfoot td{{font-weight:600;border-bottom:0}}
.num{{text-align:right;white-space:nowrap;padding-right:0;padding-left:.9rem}}
.charts{{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr))}}
.chart{{margin:.4rem 0 .8rem;min-width:0}}
.chart figcaption{{font-weight:600;font-size:.875rem;margin-bottom:.3rem}}
.chart svg{{display:block;width:100%;max-width:31rem;height:auto}}
.chart.wide svg{{max-width:34rem}}
svg{{fill:var(--ink)}}{_DRAWN}
svg line.rule{{stroke:var(--rule)}}svg .band{{fill:var(--band)}}
.words dt{{font-weight:600}}
.words dd{{margin:0 0 .6rem;max-width:46rem}}
footer{{padding-bottom:2.5rem;font-size:.875rem}}
.unseen{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}}
@media (max-width:40rem){{
header{{padding-top:1.4rem}}
.glance li,.gates li{{grid-template-columns:1fr}}
table,tbody,tfoot,tr,th,td{{display:block;width:100%}}
thead{{display:none}}
tr{{padding:.5rem 0;border-bottom:1px solid var(--rule)}}
th,td{{border:0;padding:.1rem 0}}
tbody th{{font-weight:600}}
td.num{{display:flex;justify-content:space-between;gap:1rem;text-align:right;padding-left:0}}
td.num::before{{content:attr(data-name);color:var(--quiet)}}
td.none{{display:none}}
}}
@page{{margin:16mm 15mm}}
@media print{{
:root{{{_LIGHT}--ground:#fff;color-scheme:light}}
body{{font-size:9.5pt}}
nav{{display:none}}
header,main,footer{{max-width:none;padding-inline:0}}
section{{border:0;border-top:1px solid var(--rule);border-radius:0;padding:.8rem 0 .2rem;margin:0}}
.verdict{{border-left:.35rem solid var(--tone);padding-left:1rem}}
figure,tr,.glance li,.gates li{{break-inside:avoid}}
.chart.wide svg{{width:auto;max-width:100%;max-height:24cm}}
h2,h3{{break-after:avoid}}
.mark,.sign{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
}}
"""

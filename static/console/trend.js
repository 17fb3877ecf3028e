/* Draws messages a second from two ever-growing totals. Samples live in this browser's session, so a change of page keeps
   them. A gap in the samples (tab hidden, server away) is drawn as a gap, never as zero. */
(() => {
  "use strict";

  const PERIOD_MS = 3000;
  const KEEP_MS = 15 * 60_000;
  const GAP_MS = 12_000;

  const host = document.querySelector("[data-trend]");
  if (!host) return;
  const key = `trend:${host.dataset.trend}`;
  let samples = load();
  let chart = null;

  function load() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) || "[]");
      return kept.filter((sample) => sample.at > Date.now() - KEEP_MS);
    } catch {
      return [];
    }
  }

  function rates() {
    const times = [];
    const sent = [];
    const settled = [];
    for (let index = 1; index < samples.length; index += 1) {
      const before = samples[index - 1];
      const now = samples[index];
      const seconds = (now.at - before.at) / 1000;
      times.push(now.at / 1000);
      const broken = seconds <= 0 || seconds * 1000 > GAP_MS || now.sent < before.sent || now.settled < before.settled;
      sent.push(broken ? null : (now.sent - before.sent) / seconds);
      settled.push(broken ? null : (now.settled - before.settled) / seconds);
    }
    return [times, sent, settled];
  }

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: host.dataset.zone || undefined,
  });

  function draw() {
    const data = rates();
    const empty = host.querySelector("[data-trend-empty]");
    const few = data[0].length < 2;
    if (empty) empty.hidden = !few;
    if (few) return;
    show("sent", data[1]);
    show("settled", data[2]);
    if (chart) {
      chart.setData(data);
      return;
    }
    const quiet = { stroke: token("--color-base-300"), width: 1 };
    const text = `color-mix(in oklab, ${token("--color-base-content")} 68%, transparent)`;
    chart = new uPlot(
      {
        width: host.clientWidth,
        height: 190,
        padding: [10, 0, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        scales: {
          // Half a minute at least, so that the first samples are not stretched over the whole width.
          x: { range: (plot, low, high) => [Math.min(low, high - 30), high] },
          y: { range: (plot, low, high) => [0, Math.max(1, (high || 0) * 1.15)] },
        },
        axes: [
          { stroke: text, grid: { show: false }, ticks: { show: false }, font: "11px ui-sans-serif, system-ui", space: 110, size: 26,
            values: (plot, splits) => splits.map((at) => clock.format(at * 1000)) },
          { stroke: text, grid: quiet, ticks: { show: false }, font: "11px ui-sans-serif, system-ui", size: 42,
            values: (plot, splits) => splits.map((value) => compact.format(value)) },
        ],
        series: [
          {},
          { stroke: token("--color-primary"), width: 2, fill: `color-mix(in oklab, ${token("--color-primary")} 10%, transparent)`, points: { show: false } },
          { stroke: token("--color-accent"), width: 2, points: { show: false } },
        ],
      },
      data,
      host,
    );
  }

  function show(name, values) {
    const last = values.at(-1);
    const place = document.querySelector(`[data-trend-now="${name}"]`);
    if (place) place.textContent = last === null || last === undefined ? place.dataset.unknown : compact.format(last);
  }

  async function sample() {
    if (document.hidden) return;
    try {
      const answer = await fetch(host.dataset.source, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      samples.push(await answer.json());
      samples = samples.filter((kept) => kept.at > Date.now() - KEEP_MS);
      sessionStorage.setItem(key, JSON.stringify(samples));
      draw();
    } catch {
      /* the server is away: the line shows a gap */
    }
  }

  function redraw() {
    chart?.destroy();
    chart = null;
    draw();
  }
  new ResizeObserver(() => chart && chart.setSize({ width: host.clientWidth, height: 190 })).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  draw();
  // Three samples make a line: take them quickly, then settle into the period.
  sample().then(() => samples.length < 3 && [1000, 2000].forEach((wait) => setTimeout(sample, wait)));
  setInterval(sample, PERIOD_MS);
})();

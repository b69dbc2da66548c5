// What moves on the console's own pages: the demonstration, the map, rolling charts.
"use strict";
(() => {
  const { $, all } = page;

  // The demonstration: the bar is drawn anew, and the page follows where it goes. What is told
  // while it asks, or before this page listens, is asked about again: else a step would be missed.
  // The step is the one that this page was opened for: its bar may be of a later one.
  const bar = $("#demo"), wanted = sessionStorage.getItem("demo");
  const here = Number(wanted ?? bar.dataset.step ?? -1);
  sessionStorage.removeItem("demo");
  let asking = false, again = false;
  async function follow(event) {
    again = true;
    if (asking) return;
    asking = true;
    try {
      while (again) {
        again = false;
        const told = await (await fetch("/api/demo")).json();
        if (told.step !== here) {
          sessionStorage.setItem("demo", told.step);
          location.assign(told.page);
          return;
        }
        if (event.type === "open" && !again) return;
        htmx.ajax("GET", location.pathname + location.search, { target: "#demo", select: "#demo", swap: "outerHTML" });
      }
    } finally { asking = false; }
  }

  // Rolling charts and the map.
  const kept = 300, moments = [], charts = [];
  const sum = (values) => Object.values(values).reduce((total, each) => total + each, 0);
  const tiles = {
    connections: (m) => sum(m.connections), logins: (m) => sum(m.logins).toFixed(1),
    failures: (m) => m.failures.toFixed(1), deliveries: (m) => m.deliveries.toFixed(1), waiting: (m) => m.waiting,
  };
  function colour(number) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--c${(number % 6) + 1}`).trim();
  }
  class Rolling {
    constructor(place) {
      this.place = place; this.key = place.dataset.chart; this.names = []; this.plot = null;
    }
    value(moment, name) {
      const found = moment[this.key][name];
      if (found === undefined) return this.key === "latency" ? null : 0;
      return this.key === "latency" ? found * 1000 : found;
    }
    draw() {
      const names = [...new Set(moments.flatMap((moment) => Object.keys(moment[this.key])))].filter((name) => name !== "");
      const data = [moments.map((moment) => moment.at), ...names.map((name) => moments.map((moment) => this.value(moment, name)))];
      if (this.plot && names.join() === this.names.join()) { this.plot.setData(data); return; }
      if (this.plot) this.plot.destroy();
      this.names = names;
      const style = getComputedStyle(document.documentElement);
      const ink = style.getPropertyValue("--soft").trim(), line = style.getPropertyValue("--line").trim();
      const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "12px Inter, sans-serif" };
      this.plot = new uPlot({
        width: this.place.clientWidth, height: 190, cursor: { y: false }, legend: { live: false },
        scales: { y: { range: (plot, low, high) => [0, Math.max(high || 0, 1) * 1.1] } },
        axes: [{ ...axis, values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] }, { ...axis, size: 58 }],
        series: [{}, ...names.map((name, number) => ({ label: name, stroke: colour(number), width: 2, points: { show: this.key === "latency", size: 5 }, spanGaps: true }))],
      }, data, this.place);
    }
  }
  // Dots are moved eight times a second, all at once: an animation would draw the map sixty times.
  const flying = new Set();
  let ticking = 0;
  function fly() {
    const now = performance.now();
    for (const each of flying) {
      const share = (now - each.begin) / 1100;
      if (share >= 1) { each.dot.remove(); flying.delete(each); continue; }
      if (share < 0) continue;
      const place = each.path.getPointAtLength(each.length * share);
      each.dot.setAttribute("transform", `translate(${place.x} ${place.y})`);
      if (!each.dot.isConnected) $("#traffic").append(each.dot);
    }
    if (!flying.size || document.hidden) { clearInterval(ticking); ticking = 0; flying.forEach((each) => each.dot.remove()); flying.clear(); }
  }
  function packet(path, late) {
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("r", 4.5); dot.setAttribute("class", "packet");
    flying.add({ dot, path, length: path.getTotalLength(), begin: performance.now() + late });
    if (!ticking) ticking = setInterval(fly, 125);
  }
  function chart(moment) {
    for (const cell of all("[data-cell]")) cell.classList.toggle("busy", (moment.endpoints[cell.dataset.cell] || 0) > 0);
    for (const count of all("[data-design]")) count.textContent = moment.connections[count.dataset.design] || 0;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const path of all("[data-arrow]")) {
      const [kind, design] = path.dataset.arrow.split(":");
      const busy = kind === "relay" ? moment.deliveries > 0 : (moment.connections[design] || 0) > 0;
      path.classList.toggle("busy", busy);
      if (still || !busy) continue;
      const many = kind === "relay" ? Math.min(3, Math.ceil(moment.deliveries)) : kind === "in" ? Math.min(4, Math.ceil(sum(moment.logins))) : 0;
      for (let number = 0; number < many; number += 1) packet(path, (number * 900) / many);
    }
  }
  function beat(moment) {
    const badge = $("#badge");
    badge.hidden = moment.waiting === 0;
    $("#badge-count").textContent = moment.waiting;
    for (const tile of all("[data-tile]")) tile.textContent = tiles[tile.dataset.tile](moment);
    if (!charts.length) return;
    moments.push(moment);
    if (moments.length > kept) moments.shift();
    chart(moment);
    charts.forEach((each) => each.draw());
  }
  const shown = $("#charts");
  if (shown) {
    moments.push(...JSON.parse(shown.dataset.moments));
    for (const place of all("[data-chart]", shown)) charts.push(new Rolling(place));
    if (moments.length) beat(moments.pop());
    addEventListener("resize", () => charts.forEach((each) => each.plot && each.plot.setSize({ width: each.place.clientWidth, height: 190 })));
  }
  page.on("demo", follow);
  page.on("open", follow);
  page.on("pulse", (event) => beat(JSON.parse(event.data)));
})();

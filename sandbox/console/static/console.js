// What moves on the pages. No decision is taken here: actions are calls of the API.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const body = document.body;

  // News make the sections that show them ask again: each kind at its pace (ms), never while an answer
  // is on its way or being put in (htmx would lose it), always once more after the last one.
  const pace = { changed: 0, "live:phones": 250, "live:faults": 250, "live:comparison": 250, "live:journal": 500, "live:figures": 2000 };
  const news = new Set(), next = {};
  let again = 0;
  function refresh() {
    clearTimeout(again);
    if ($(".htmx-request, .htmx-settling")) return;
    const now = performance.now();
    for (const name of news) {
      if (now < (next[name] || 0)) continue;
      news.delete(name); next[name] = now + pace[name];
      body.dispatchEvent(new CustomEvent(name));
    }
    if (news.size) again = setTimeout(refresh, Math.min(...[...news].map((name) => next[name])) - now);
  }
  function heard(...names) { names.forEach((name) => news.add(name)); refresh(); }
  for (const name of ["htmx:afterRequest", "htmx:afterSettle"]) body.addEventListener(name, refresh);

  // Actions: a form with data-api="METHOD /path" is sent as JSON; the page is then told `changed`.
  let hiding = 0;
  function say(text, bad) {
    const toast = $("#toast");
    toast.textContent = text;
    toast.className = bad ? "toast shown bad" : "toast shown";
    clearTimeout(hiding);
    hiding = setTimeout(() => { toast.className = "toast"; }, bad ? 9000 : 3000);
  }
  function tell(place, told) {
    place.textContent = `${told.ok ? place.dataset.good : place.dataset.bad} : ${told.told}`;
    if (!told.connection) return;
    const link = document.createElement("a");
    link.href = `/why/${encodeURIComponent(told.connection)}`;
    link.textContent = place.dataset.why;
    place.append(" ", link);
  }
  function octets(file) {
    return new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done({ name: file.name, content: reader.result.slice(reader.result.indexOf(",") + 1) });
      reader.onerror = () => failed(reader.error);
      reader.readAsDataURL(file);
    });
  }
  async function act(form, instead) {
    const [method, path] = (instead || form.dataset.api).split(" ");
    const data = Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    for (const box of all("input[type=checkbox]", form)) data[box.name] = box.checked;
    for (const box of all("[data-number]", form)) data[box.name] = Number(box.value);
    for (const box of all("input[type=number]", form)) { if (box.value === "") delete data[box.name]; else data[box.name] = Number(box.value); }
    for (const box of all("input[type=file]", form)) data[box.name] = await Promise.all([...box.files].map(octets));
    if (instead) for (const name of ["to", "subject", "text", "document", "patient", "receipt", "attachments"]) delete data[name];
    const buttons = all("button", form);
    buttons.forEach((each) => { each.disabled = true; });
    try {
      const answer = await fetch(path, {
        method, headers: { "Content-Type": "application/json" },
        body: method === "GET" ? undefined : JSON.stringify(data),
      });
      const told = await answer.json();
      if (answer.ok && form.dataset.shows) tell($(`#${form.dataset.shows}`), told);
      else if (answer.ok) say(body.dataset.done);
      else say(told.error[document.documentElement.lang] || told.error.fr, true);
    } catch {
      say(body.dataset.lost, true);
    } finally {
      buttons.forEach((each) => { each.disabled = false; });
      heard("changed");
    }
  }
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.api) { event.preventDefault(); act(event.target, event.submitter && event.submitter.dataset.instead); }
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(location.origin + button.dataset.copy);
    say(body.dataset.done);
  });

  // The demonstration: the bar is drawn anew, and the page follows where it goes.
  let asking = false;
  async function follow() {
    if (asking) return;
    asking = true;
    try {
      const told = await (await fetch("/api/demo")).json();
      const bar = $("#demo"), here = bar.dataset.step ? Number(bar.dataset.step) : -1;
      if (told.step !== here) { location.assign(told.page); return; }
      htmx.ajax("GET", location.pathname + location.search, { target: "#demo", select: "#demo", swap: "outerHTML" });
    } finally { asking = false; }
  }

  // The event stream: one a page, none while nobody looks (a browser has six for each host).
  const written = ["live:journal", "live:figures"];
  let source = null;
  function show(on) {
    const live = $("#live"), word = $("span:last-child", live);
    live.className = on ? "live on" : "live off";
    word.textContent = on ? word.dataset.on : word.dataset.off;
  }
  function listen() {
    if (source || document.hidden) return;
    source = new EventSource("/api/events");
    source.onopen = () => show(true);
    source.onerror = () => show(false);
    for (const name of ["phones", "faults", "comparison"]) source.addEventListener(name, () => heard(`live:${name}`));
    source.addEventListener("journal", () => heard(...written));
    source.addEventListener("demo", follow);
    source.addEventListener("pulse", (event) => beat(JSON.parse(event.data)));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { if (source) source.close(); source = null; }
    else { listen(); heard("live:phones", ...written); }
  });

  // What is left of a request or a code, counted down between two refreshes.
  setInterval(() => {
    for (const bar of all("[data-countdown]")) {
      bar.value = Math.max(0, bar.value - 1);
      const left = $("[data-left]", bar.parentElement);
      if (left) left.textContent = Math.round(bar.value);
    }
  }, 1000);

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
  // Dots are moved ten times a second, all at once: an animation would draw the map sixty times.
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
    if (!ticking) ticking = setInterval(fly, 100);
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
  listen();
})();

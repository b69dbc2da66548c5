// What moves on pages of any service: sections that ask again at news, actions, the event stream.
// No decision is taken here: actions are calls of an API. The body says where the stream is
// (data-events) and which news each of its events is (data-news); `page` is for scripts of a service.
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
      else say(told.error[document.documentElement.lang] || told.error.fr || told.error, true);
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
  early.stop().forEach((each) => act(...each));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(location.origin + button.dataset.copy);
    say(body.dataset.done);
  });

  // The event stream: one a page, none while nobody looks (a browser has six for each host).
  const kinds = JSON.parse(body.dataset.news), listeners = {};
  let source = null;
  function show(on) {
    const live = $("#live"), word = $("span:last-child", live);
    live.className = on ? "live on" : "live off";
    word.textContent = on ? word.dataset.on : word.dataset.off;
  }
  function listen() {
    if (source || document.hidden) return;
    source = new EventSource(body.dataset.events);
    // What was told since the page was drawn, or while nobody listened, nobody heard.
    source.onopen = () => { show(true); heard(...new Set(Object.values(kinds).flat())); };
    source.onerror = () => show(false);
    for (const [kind, names] of Object.entries(kinds)) source.addEventListener(kind, () => heard(...names));
    for (const [kind, listener] of Object.entries(listeners)) source.addEventListener(kind, listener);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { if (source) source.close(); source = null; }
    else listen();
  });
  document.addEventListener("DOMContentLoaded", listen); // after the service's own script

  // What is left of a request or a code, counted down between two refreshes.
  setInterval(() => {
    for (const bar of all("[data-countdown]")) {
      bar.value = Math.max(0, bar.value - 1);
      const left = $("[data-left]", bar.parentElement);
      if (left) left.textContent = Math.round(bar.value);
    }
  }, 1000);

  window.page = { $, all, on(kind, listener) { listeners[kind] = listener; } };
})();

"use strict";
// Draws the phones from the control API and follows the event stream. Text only: no HTML is built.
const make = (tag, text, cls) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (cls) node.className = cls;
  return node;
};
const post = (url, body) => fetch(url, {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body || {}),
});
const button = (text, cls, act) => {
  const node = make("button", text, cls);
  node.addEventListener("click", async () => { await act(); await draw(); });
  return node;
};
function drawRequest(item) {
  const box = make("div", undefined, "request");
  const device = item.channel === "CARD" ? "Carte CPS" : "e-CPS";
  box.append(make("div", `${device} · ${item.client_id} · ${Math.ceil(item.expires_in)} s`, "soft"));
  box.append(make("div", item.binding_message || "—", "code"));
  const row = make("div", undefined, "row");
  const decide = (word) => () => post(`/sandbox/requests/${item.ticket}/${word}`);
  row.append(button("Approuver", "go", decide("approve")));
  row.append(button("Refuser", "no", decide("refuse")));
  row.append(button("Code faux", "", decide("wrong_code")));
  box.append(row);
  if (item.wrong_codes) box.append(make("div", `${item.wrong_codes} / 3`, "soft"));
  return box;
}
let drawing = false;
async function draw() {
  if (drawing) return;
  drawing = true;
  try {
    const [people, requests] = await Promise.all([
      fetch("/sandbox/people").then((r) => r.json()),
      fetch("/sandbox/requests?state=pending").then((r) => r.json()),
    ]);
    const cards = people.people.map((person) => {
      const card = make("section", undefined, "card");
      card.append(make("h2", `${person.given_name} ${person.family_name}`));
      card.append(make("div", person.national_id + (person.enabled ? "" : " · désactivé"), "soft"));
      const select = document.createElement("select");
      select.setAttribute("aria-label", "Comportement / behaviour");
      select.append(document.getElementById("kinds").content.cloneNode(true));
      select.value = person.behaviour;
      select.addEventListener("change", () =>
        post("/sandbox/behaviour", {national_id: person.national_id, kind: select.value}));
      card.append(select);
      const offline = person.behaviour === "offline";
      for (const item of offline ? [] : requests.requests)
        if (item.national_id === person.national_id) card.append(drawRequest(item));
      return card;
    });
    document.getElementById("people").replaceChildren(...cards);
  } finally { drawing = false; }
}
for (const node of document.querySelectorAll("[data-advance]"))
  node.addEventListener("click", () => post("/sandbox/clock", {advance: Number(node.dataset.advance)}));
const log = document.getElementById("log");
const stream = new EventSource("/events");
const show = (message) => {
  const event = JSON.parse(message.data);
  const line = [event.text_fr, event.text_en, event.remedy_fr, event.clause, event.detail];
  log.prepend(make("li", line.filter(Boolean).join(" — "), event.kind));
  while (log.children.length > 200) log.lastChild.remove();
  draw();
};
for (const kind of ["request", "poll", "tokens", "refusal", "decision", "notification", "fault", "clock", "sms", "warning"])
  stream.addEventListener(kind, show);
draw();

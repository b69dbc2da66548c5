"use strict";
(() => {
  const root = document.documentElement;
  const title = document.querySelector("title");
  const show = (language) => {
    root.lang = language;
    document.title = title.dataset[language];
  };
  document.getElementById("language").addEventListener("click", () => {
    show(root.lang === "fr" ? "en" : "fr");
    history.replaceState(null, "", root.lang === "en" ? "#en" : "#");
  });
  if (location.hash === "#en") show("en");

  const value = (row, column) => {
    const cell = row.cells[column];
    const key = cell.dataset.order ?? cell.textContent;
    const number = Number(key);
    return key !== "" && !Number.isNaN(number) ? number : key;
  };
  const before = (a, b) => {
    const [x, y] = [typeof a === "number", typeof b === "number"];
    if (x !== y) return x ? -1 : 1;
    return x ? a - b : a.localeCompare(b);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (down ? -1 : 1) * before(value(a, column), value(b, column)));
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-filter]")) {
    const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }
})();

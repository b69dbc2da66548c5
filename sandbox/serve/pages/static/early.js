// What is pressed while a page loads, before its scripts are there, is kept for them: the browser
// would send the form by itself, to nobody.
"use strict";
const early = (() => {
  const kept = [];
  function keep(event) {
    if (!event.target.dataset.api) return;
    event.preventDefault();
    kept.push([event.target, event.submitter && event.submitter.dataset.instead]);
  }
  document.addEventListener("submit", keep);
  return { stop() { document.removeEventListener("submit", keep); return kept; } };
})();

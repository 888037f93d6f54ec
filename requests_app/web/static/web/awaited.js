// <span data-awaited="URL">: asks every few seconds whether the document is there, then offers it
// (under the name in data-awaited-name, where there is one).
(() => {
  "use strict";

  const PAUSE = 3000;
  const TRIES = 40;

  async function wait(place, left) {
    const { status } = await fetch(place.dataset.awaited, { method: "HEAD" });
    if (status === 200) {
      const link = document.createElement("a");
      link.href = place.dataset.awaited;
      const name = place.dataset.awaitedName;
      link.textContent = name || "Download the PDF";
      place.replaceChildren(...(name ? [link] : ["Ready: ", link]));
    } else if (status === 202 && left > 0) {
      setTimeout(() => wait(place, left - 1), PAUSE);
    }
  }

  for (const place of document.querySelectorAll("[data-awaited]")) {
    setTimeout(() => wait(place, TRIES), PAUSE);
  }
})();

// Copy buttons: <button class="copy" data-copy="ID" hidden>. They stay hidden without scripts.
(() => {
  "use strict";

  const status = document.createElement("div");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  document.body.append(status);

  // The clipboard API needs HTTPS or localhost; selecting the text works everywhere.
  async function copy(element) {
    const text = element.textContent;
    if (navigator.clipboard && window.isSecureContext) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // Refused by the browser: fall through to the selection.
      }
    }
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    const label = button.textContent;
    let timer;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(document.getElementById(button.dataset.copy));
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      status.textContent = done ? "Copied to the clipboard." : "Selected. Press Ctrl and C to copy.";
      clearTimeout(timer);
      timer = setTimeout(() => {
        button.textContent = label;
        status.textContent = "";
      }, 4000);
    });
  }
})();

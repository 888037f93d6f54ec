// Keeps what is typed in this tab until it is saved: a session that ended, a page left by accident
// or a browser that crashed loses nothing. Gone when the tab is closed. Needs request.js before it.
(() => {
  "use strict";

  const form = document.querySelector("form[data-request]");
  if (!form) return;

  const KEY = `unsaved:${location.pathname}`;
  const OURS = /^(csrfmiddlewaretoken|revision|then)$|_FORMS$/;
  const { value: revision } = form.elements.revision;

  function typed() {
    const texts = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    return texts.filter(([name]) => !OURS.test(name));
  }

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(KEY));
    } catch {
      return null;
    }
  }

  function putBack(entries) {
    const add = form.querySelector("button[data-add]");
    for (const [name] of entries) {
      const isRow = name.startsWith("named_people-");
      while (isRow && !form.elements[name] && !add.hidden) add.click();
    }
    const has = (name, value) => entries.some(([n, v]) => n === name && v === value);
    for (const control of form.elements) {
      if (!control.name || OURS.test(control.name)) continue;
      if (control.type === "checkbox" || control.type === "radio") {
        control.checked = has(control.name, control.value);
      } else if (control.type !== "file") {
        const entry = entries.find(([name]) => name === control.name);
        if (entry) control.value = entry[1];
      }
      control.dispatchEvent(new Event("input", { bubbles: true }));
    }
    form.dispatchEvent(new Event("change"));
    document.activeElement?.blur();
  }

  function tell() {
    const notice = document.createElement("div");
    notice.className = "notice notice--info";
    notice.setAttribute("role", "status");
    const line = document.createElement("p");
    line.textContent = "What you had typed here and not yet saved has been put back.";
    notice.append(line);
    form.before(notice);
  }

  const before = kept();
  if (before?.revision !== revision) {
    sessionStorage.removeItem(KEY);
  } else if (JSON.stringify(before.entries) !== JSON.stringify(typed())) {
    putBack(before.entries);
    tell();
  }

  let timer;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      try {
        sessionStorage.setItem(KEY, JSON.stringify({ revision, entries: typed() }));
      } catch {
        // Full or forbidden: the form works as it does without scripts.
      }
    }, 300);
  });
})();

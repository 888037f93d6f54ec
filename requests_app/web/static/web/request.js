// The request form. Without scripts everything is shown and works; this hides what does not apply,
// counts characters, adds and removes rows, and asks before typed text is left behind.
(() => {
  "use strict";

  const form = document.querySelector("form[data-request]");
  if (!form) return;

  // <div data-shown-when="is_student"> or "ethics=approved": hidden while the control says otherwise.
  const dependents = [...form.querySelectorAll("[data-shown-when]")];

  function holds(condition) {
    const [name, value] = condition.split("=");
    if (value === undefined) return form.elements[name].checked;
    return form.querySelector(`[name="${name}"]:checked`)?.value === value;
  }

  function showWhatApplies() {
    for (const part of dependents) part.hidden = !holds(part.dataset.shownWhen);
  }

  // <textarea data-count="20000">: what is left, spoken only when it becomes scarce.
  function count(text) {
    const most = Number(text.dataset.count);
    const line = document.createElement("p");
    line.className = "count";
    text.after(line);

    function tell() {
      const left = most - [...text.value].length;
      const scarce = left < most / 20;
      line.hidden = left > most / 2;
      line.setAttribute("aria-live", scarce ? "polite" : "off");
      line.classList.toggle("count--over", left < 0);
      const number = Math.abs(left).toLocaleString("en-GB");
      line.textContent = left < 0 ? `${number} characters too many` : `${number} characters left`;
    }

    text.addEventListener("input", tell);
    tell();
  }

  // Named people: rows of a Django formset. A row that is gone counts as blank.
  const people = form.querySelector("[data-people]");
  const blank = form.querySelector("template[data-blank]");
  const add = form.querySelector("button[data-add]");
  const total = form.elements["named_people-TOTAL_FORMS"];
  const rows = () => [...people.querySelectorAll("[data-person]")];

  function number() {
    rows().forEach((row, index) => {
      row.querySelector("[data-number]").textContent = index + 1;
      const remove = row.querySelector("[data-remove]");
      remove.hidden = false;
      remove.setAttribute("aria-label", `Remove person ${index + 1}`);
    });
    add.hidden = rows().length >= Number(people.dataset.limit);
  }

  function isBlank(row) {
    const inputs = [...row.querySelectorAll("input")];
    return inputs.every((input) => !input.value) && !row.querySelector(".errorlist");
  }

  add.addEventListener("click", () => {
    const markup = blank.innerHTML.replaceAll("__prefix__", total.value);
    people.insertAdjacentHTML("beforeend", markup);
    total.value = Number(total.value) + 1;
    number();
    people.lastElementChild.querySelector("input").focus();
  });

  people.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove]");
    if (!remove) return;
    const row = remove.closest("[data-person]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    changed = true;
    number();
    (next?.querySelector("input") ?? add).focus();
  });

  // Leaving with unsaved text is asked about once; saving is not leaving.
  let changed = false;
  form.addEventListener("input", () => {
    changed = true;
  });
  form.addEventListener("submit", () => {
    changed = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });

  form.addEventListener("change", showWhatApplies);
  showWhatApplies();
  form.querySelectorAll("textarea[data-count]").forEach(count);
  for (const row of rows()) if (isBlank(row)) row.remove();
  number();
  document.getElementById("problems")?.focus();
})();

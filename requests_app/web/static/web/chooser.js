// <form data-chooser="ID">: says how much is ticked while boxes are being ticked. ID holds a list
// of [class, split, clips, bytes].
(() => {
  "use strict";

  function size(bytes) {
    const units = ["bytes", "KB", "MB", "GB", "TB"];
    let unit = 0;
    for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
    return `${unit ? bytes.toFixed(1) : bytes}\u00a0${units[unit]}`;
  }

  for (const form of document.querySelectorAll("form[data-chooser]")) {
    const cells = JSON.parse(document.getElementById(form.dataset.chooser).textContent);
    const sum = form.querySelector("output");
    form.addEventListener("change", () => {
      const ticked = new FormData(form);
      const [classes, splits] = [ticked.getAll("class"), ticked.getAll("split")];
      const known = form.querySelector("[name=split]") !== null;
      const chosen = cells.filter(([name, split]) => classes.includes(name) && (!known || splits.includes(split)));
      const clips = chosen.reduce((all, cell) => all + cell[2], 0);
      const bytes = chosen.reduce((all, cell) => all + cell[3], 0);
      sum.textContent = `${clips.toLocaleString("en")} clip${clips === 1 ? "" : "s"}, ${size(bytes)}`;
    });
  }
})();

// <div data-fetched="URL">: keeps the bars of the page as the portal has recorded them. What runs is
// inside it; a release's bar stands anywhere, found by its id.
(() => {
  "use strict";

  const RUNNING = 5000;
  const QUIET = 20000;

  function bar(told) {
    const place = document.createElement("div");
    const [label, words, line] = ["label", "output", "progress"].map((name) => document.createElement(name));
    place.className = "bar";
    place.id = told.id;
    line.id = label.htmlFor = `${told.id}-bar`;
    words.htmlFor = line.id;
    label.dir = "auto";
    label.textContent = told.label;
    place.append(label, words, line);
    return place;
  }

  function show(place, told) {
    const [words, line] = [place.querySelector("output"), place.querySelector("progress")];
    if (words.textContent !== told.text) words.textContent = told.text;
    line.max = told.maximum || 1;
    line.value = told.value;
  }

  function update(list, told) {
    for (const each of told.releases) {
      const place = document.getElementById(each.id);
      if (place) show(place, each);
    }
    const nothing = list.querySelector(".empty");
    const bars = told.downloads.map((each) => {
      const place = document.getElementById(each.id) || bar(each);
      show(place, each);
      return place;
    });
    nothing.hidden = bars.length > 0;
    list.replaceChildren(...bars, nothing);
  }

  async function looked(list) {
    const answer = await fetch(list.dataset.fetched, { headers: { Accept: "application/json" } });
    if (!answer.ok) return 0;
    const told = await answer.json();
    update(list, told);
    return told.downloads.some((each) => each.id.startsWith("run-")) ? RUNNING : QUIET;
  }

  for (const list of document.querySelectorAll("[data-fetched]")) {
    let timer = 0;

    async function look() {
      let pause = QUIET;
      if (!document.hidden) {
        try {
          pause = await looked(list);
        } catch {
          // The line is away for a moment: the next look may find it again.
        }
      }
      if (pause) timer = setTimeout(look, pause);
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(look, RUNNING);
    }

    soon();
    document.addEventListener("visibilitychange", soon);
    // Somebody begins a download here: it is under way in a moment.
    for (const link of document.querySelectorAll("a[download]")) link.addEventListener("click", soon);
  }
})();

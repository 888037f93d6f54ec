// Drawing a signature with mouse, pen or finger. The typed name needs none of it.
// Strokes are kept in the form as JSON: [[[x, y], ...], ...] in a box of 600 by 200.
for (const field of document.querySelectorAll("[data-drawn]")) {
  const input = document.getElementById(field.dataset.drawn);
  const pad = field.querySelector("svg");
  const path = pad.querySelector("path");
  const most = 4000;
  let strokes = [];
  let current = null;

  const place = (event) => {
    const box = pad.getBoundingClientRect();
    const within = (value, whole, limit) =>
      Math.max(0, Math.min(limit, Math.round((value / whole) * limit)));
    return [
      within(event.clientX - box.left, box.width, 600),
      within(event.clientY - box.top, box.height, 200),
    ];
  };
  const show = () => {
    const line = ([first, ...rest]) =>
      `M${first.join(" ")} ${(rest.length ? rest : [first]).map((p) => `L${p.join(" ")}`).join(" ")}`;
    path.setAttribute("d", strokes.map(line).join(" "));
    input.value = strokes.length ? JSON.stringify(strokes) : "";
  };
  const full = () => strokes.length >= 100 || strokes.flat().length >= most;

  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || full()) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    current = [place(event)];
    strokes.push(current);
    show();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!current || full()) return;
    const [x, y] = place(event);
    const [lastX, lastY] = current[current.length - 1];
    // Two points closer than a pen is wide draw the same line.
    if (Math.hypot(x - lastX, y - lastY) < 3) return;
    current.push([x, y]);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, () => {
      current = null;
    });
  }
  field.querySelector("button").addEventListener("click", () => {
    strokes = [];
    show();
  });
  try {
    strokes = input.value ? JSON.parse(input.value) : [];
  } catch {
    strokes = [];
  }
  show();
  field.hidden = false;
}

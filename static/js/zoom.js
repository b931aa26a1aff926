// A picture looked at closely: a click or + and − make it larger, a drag or the arrow keys move it.

const bars = document.getElementById("zoom-controls");
const STEP = 1.5;
const MOVE = 60; // pixels
const DRAG = 4;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export function bind(picture) {
  const box = picture.parentElement;
  const bar = document.importNode(bars.content, true).firstElementChild;
  const fit = bar.querySelector("[data-zoom=fit]");
  const touches = new Map();
  let [scale, x, y, moved, apart] = [1, 0, 0, false, 0];
  box.classList.add("zoom");
  picture.draggable = false;
  box.append(bar);

  /** How many screen pixels one of the picture's is wide when all of it is seen. */
  const seen = () => Math.min(picture.clientWidth / picture.naturalWidth, picture.clientHeight / picture.naturalHeight) || 1;
  const most = () => Math.max(4, 2 / seen());

  function show() {
    const [left, top] = [(picture.clientWidth * (scale - 1)) / 2, (picture.clientHeight * (scale - 1)) / 2];
    [x, y] = [clamp(x, -left, left), clamp(y, -top, top)];
    picture.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    box.toggleAttribute("data-zoomed", scale > 1);
    fit.textContent = `${Math.round(100 * scale * seen())} %`;
  }

  /** Zoom so that what lies at a place of the window stays there; without a place, the middle does. */
  function to(value, place) {
    const { left, top, width, height } = box.getBoundingClientRect();
    const [dx, dy] = place ? [place.clientX - left - width / 2, place.clientY - top - height / 2] : [0, 0];
    const next = clamp(value, 1, most());
    x = dx - ((dx - x) * next) / scale;
    y = dy - ((dy - y) * next) / scale;
    scale = next;
    show();
  }

  const acts = { in: () => to(scale * STEP), out: () => to(scale / STEP), fit: () => to(1) };
  bar.addEventListener("click", ({ target }) => acts[target.closest("[data-zoom]")?.dataset.zoom]?.());

  picture.addEventListener("pointerdown", (event) => {
    touches.set(event.pointerId, event);
    moved = touches.size > 1;
    apart = 0;
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    const before = touches.get(event.pointerId);
    if (!before) return;
    touches.set(event.pointerId, event);
    const [one, two] = touches.values();
    if (two) {
      const now = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
      const middle = { clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 };
      if (apart) to((scale * now) / apart, middle);
      apart = now;
    } else {
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      if (!moved && Math.hypot(dx, dy) < DRAG) touches.set(event.pointerId, before);
      else {
        moved = true;
        [x, y] = [x + dx, y + dy];
        show();
      }
    }
  });
  for (const name of ["pointerup", "pointercancel"]) picture.addEventListener(name, ({ pointerId }) => touches.delete(pointerId));
  picture.addEventListener("click", (event) => {
    if (!moved) to(scale > 1 ? 1 : Math.max(2, 1 / seen()), event);
  });
  box.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // a plain turn of the wheel scrolls the page
      event.preventDefault();
      to(scale * Math.exp(-event.deltaY / 200), event);
    },
    { passive: false },
  );
  // Before the page's own keys: while it is large, arrows move the picture, and Escape makes it fit again.
  document.addEventListener(
    "keydown",
    (event) => {
      if (!box.checkVisibility() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
      const move = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (["+", "="].includes(event.key)) acts.in();
      else if (["-", "−"].includes(event.key)) acts.out();
      else if (event.key === "0") acts.fit();
      else if (scale > 1 && event.key === "Escape") acts.fit();
      else if (scale > 1 && move) {
        [x, y] = [x + move[0] * MOVE, y + move[1] * MOVE];
        show();
      } else return;
      event.preventDefault();
    },
    { capture: true },
  );
  if (picture.complete) show();
  picture.addEventListener("load", show);
  new ResizeObserver(show).observe(picture);
}

function bindAll() {
  for (const picture of document.querySelectorAll("main.asset .card__screen > img.card__media")) {
    if (!picture.parentElement.classList.contains("zoom")) bind(picture);
  }
}

bindAll();
document.addEventListener("htmx:load", bindAll);

// Two pictures or films, one over the other, with a border between them that a slider moves. Without this script only
// the later one is shown.

function bind(figure) {
  const [after, before] = [".compare__after", ".compare__before"].map((name) => figure.querySelector(name));
  const slider = figure.querySelector(".compare__slider");
  const range = slider.querySelector("input");
  const show = () => figure.style.setProperty("--compare", `${range.value}%`);
  range.addEventListener("input", show);
  figure.querySelector(".compare__screen").addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse" || event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    show();
  });
  if (after.tagName === "VIDEO") follow(after, before);
  for (const part of [before, slider, figure.querySelector(".compare__line")]) part.hidden = false;
  show();
}

// The film before plays when the one after does, at the same place.
function follow(after, before) {
  const meet = () => {
    if (Math.abs(before.currentTime - after.currentTime) > 0.08) before.currentTime = after.currentTime;
  };
  after.addEventListener("play", () => before.play().catch(() => {}));
  after.addEventListener("pause", () => before.pause());
  for (const name of ["timeupdate", "seeked", "pause"]) after.addEventListener(name, meet);
  after.addEventListener("ratechange", () => (before.playbackRate = after.playbackRate));
}

function bindAll(root) {
  for (const figure of root.querySelectorAll("[data-compare]:not([data-bound])")) {
    figure.dataset.bound = "";
    bind(figure);
  }
}

bindAll(document);
document.addEventListener("htmx:load", (event) => bindAll(event.detail.elt));

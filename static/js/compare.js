// Two pictures or films, one over the other, with a border between them that a slider or a hand moves. Without this
// script only the later one is shown. Films have one player, which drives the later one; the earlier one follows it.

import { attach } from "./player.js";

const DRAG = 5; // pixels

function bind(figure) {
  const [after, before] = [".compare__after", ".compare__before"].map((name) => figure.querySelector(name));
  const slider = figure.querySelector(".compare__slider");
  const range = slider.querySelector("input");
  const show = () => figure.style.setProperty("--compare", `${range.value}%`);
  range.addEventListener("input", show);
  const screen = figure.querySelector(".compare__screen");
  let from; // where a drag began; a press that does not move is a click on the picture
  screen.addEventListener("pointerdown", ({ target, clientX, button }) => (from = target === after && !button ? clientX : undefined));
  screen.addEventListener("pointermove", ({ buttons, clientX, currentTarget }) => {
    if (from === undefined || buttons !== 1 || Math.abs(clientX - from) < DRAG) return;
    from = -Infinity;
    const box = currentTarget.getBoundingClientRect();
    range.value = Math.round((100 * (clientX - box.left)) / box.width);
    show();
  });
  screen.addEventListener("click", (event) => from === -Infinity && event.preventDefault(), { capture: true });
  if (after.tagName === "VIDEO") {
    attach(after);
    follow(after, before);
  }
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
  for (const name of ["timeupdate", "seeking", "seeked", "pause"]) after.addEventListener(name, meet);
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

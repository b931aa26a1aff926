// Pictures of a set looked at one by one, over the page: arrow keys turn, Escape closes, + and − come closer.

import { bind } from "./zoom.js";

const box = document.getElementById("lightbox");
let set = [];
let at = 0;

function show() {
  const link = set[at];
  const [small, large] = [link.querySelector("img"), box.querySelector("img")];
  box.querySelector("[data-zoom=fit]")?.click();
  large.src = link.dataset.picture;
  large.alt = small.alt;
  const place = box.querySelector("[data-lightbox-place]");
  const words = { number: at + 1, all: set.length, width: link.dataset.width, height: link.dataset.height };
  place.textContent = place.dataset.words.replace(/\{(\w+)\}/g, (_, name) => words[name]);
  const actions = link.parentElement.querySelector("[data-picture-actions]").content;
  box.querySelector("[data-lightbox-actions]").replaceChildren(document.importNode(actions, true));
  for (const button of box.querySelectorAll(".lightbox__turn")) button.hidden = set.length < 2;
}

function turn(by) {
  at = (at + by + set.length) % set.length;
  show();
}

function open(link) {
  set = [...link.closest(".results").querySelectorAll("[data-picture]")];
  at = set.indexOf(link);
  box.showModal();
  show();
}

const acts = { back: () => turn(-1), on: () => turn(1), close: () => box.close() };

if (box) {
  bind(box.querySelector("img"));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-picture]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link);
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close(); // beside the picture
    acts[event.target.closest("[data-lightbox]")?.dataset.lightbox]?.();
  });
  // Before the page's own keys, which walk through the library.
  document.addEventListener(
    "keydown",
    (event) => {
      if (!box.open || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) turn(by);
      else box.querySelector(`[data-key-of="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
      if (event.key !== "Escape" && event.key !== "Tab" && event.key !== "Enter") event.stopPropagation();
    },
    { capture: true },
  );
  box.addEventListener("close", () => set[at]?.focus());
}

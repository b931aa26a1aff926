// The suggestion beside a prompt: taken whole or part by part, and never by itself. And the shot builder over the page.

import { take } from "./taken.js";

const panel = () => document.getElementById("suggestion");
const prompt = () => document.querySelector("[data-panel] [name=prompt]");
let used = new Set(); // the parts that are in the prompt now
const made = new Map(); // which parts are in each prompt that they were put into

/** The original with the parts that are used, in the order of the suggestion. */
function text(box) {
  if (!used.size) return box.dataset.original;
  return [...box.querySelectorAll("[data-kind]")]
    .filter(({ dataset }) => dataset.kind === "kept" || (dataset.kind === "added") === used.has(dataset.part))
    .map(({ dataset }) => dataset.text.trim())
    .join(" ");
}

function close() {
  panel().replaceChildren();
  document.querySelector("[data-enhance]")?.focus();
}

function use(box, words) {
  made.set(words, new Set(used));
  take(prompt(), words, words === box.dataset.original ? "" : box.dataset.original);
}

document.addEventListener("click", (event) => {
  const at = (name) => event.target.closest?.(`#suggestion [data-${name}]`);
  const box = event.target.closest?.("[data-suggested]");
  if (at("keep")) close();
  else if (at("take")) {
    use(box, box.dataset.whole);
    panel().replaceChildren();
  } else if (event.target.closest?.("[data-parts] button")) {
    const button = event.target.closest("button");
    const { part } = button.dataset;
    if (!used.delete(part)) used.add(part);
    use(box, text(box));
    button.focus();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.closest?.("#suggestion")) return;
  event.stopPropagation();
  close();
}, true);

// What is typed by hand, or taken back, is no longer what the parts were made for; the whole can still be taken.
document.addEventListener("input", ({ target }) => {
  const parts = target === prompt() && panel()?.querySelector("[data-parts]");
  if (!parts) return;
  const now = made.get(target.value);
  parts.hidden = !now;
  if (!now) return;
  used = new Set(now);
  for (const button of parts.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(used.has(button.dataset.part)));
  }
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "suggestion") return;
  used = new Set();
  made.clear();
  const box = panel().querySelector("[data-suggested]");
  if (box) made.set(box.dataset.original, new Set());
  const title = panel().querySelector(".suggestion__title");
  title?.focus({ preventScroll: true });
  // As much of it as there is room for under the prompt, which stays in view.
  panel().scrollIntoView({ block: "nearest", behavior: "instant" });
  prompt()?.closest(".field").scrollIntoView({ block: "nearest", behavior: "instant" });
});

// The shot builder over the page, with the prompt as it stands.
const dialog = document.querySelector("[data-builder-dialog]");

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-build]");
  if (opener && dialog && prompt()) {
    event.preventDefault();
    const given = new FormData(prompt().form);
    const values = { prompt: prompt().value, dialog: "1" };
    for (const name of ["mode", "model_id"]) values[name] = given.get(name) ?? "";
    const body = dialog.querySelector("[data-builder-body]");
    dialog.showModal();
    htmx.ajax("POST", opener.href, { target: body, swap: "innerHTML", values });
  }
  if (dialog?.contains(event.target) && event.target.closest("[data-builder-close]")) dialog.close();
});

// "Use this prompt" is answered with the prompt.
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (!elt.matches?.("[data-built]")) return;
  dialog.close();
  take(prompt(), elt.dataset.built);
  elt.remove();
});

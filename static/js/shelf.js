// The library, its uploads and its trash: what is picked on a page. Ticking and sending work without this; it adds the
// keys (x picks, Shift picks a range, Escape clears), the mode for fingers, the number, and ticks that outlast a repaint.

const picked = new Set();
let last = null; // the tile that was picked last, where a range begins

const shelf = () => document.querySelector("[data-shelf]");
const boxes = () => [...document.querySelectorAll("[data-shelf] [data-pick]")];
const tileOf = (elt) => elt.closest?.("[data-shelf] :is(.grid > .card, [data-tile])");
const boxOf = (tile) => tile?.querySelector("[data-pick]");
const picking = () => shelf()?.classList.contains("is-picking") || picked.size > 0;

/** Say how many are picked. */
function tell() {
  const count = document.querySelector(".picked__count");
  if (count) count.textContent = picked.size === 1 ? count.dataset.one : count.dataset.many.replace("%", picked.size);
  for (const button of document.querySelectorAll("[data-picked] [type=submit]:not([name=one])")) button.disabled = !picked.size;
}

function pick(box, on) {
  if (!box) return;
  box.checked = on;
  if (on) picked.add(box.value);
  else picked.delete(box.value);
}

function toggle(box, range) {
  const all = boxes();
  const on = !picked.has(box.value);
  const from = range && last ? all.findIndex((each) => each.value === last) : -1;
  const to = all.indexOf(box);
  if (from < 0) pick(box, on);
  else for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) pick(each, true);
  last = box.value;
  tell();
}

function mode(on) {
  shelf()?.classList.toggle("is-picking", on);
  document.querySelector("[data-pick-start]")?.setAttribute("aria-pressed", String(on));
}

function clear() {
  for (const box of boxes()) box.checked = false;
  picked.clear();
  last = null;
  mode(false);
  tell();
}

document.addEventListener(
  "click",
  (event) => {
    const tile = tileOf(event.target);
    const box = boxOf(tile);
    if (box && event.target === box) {
      event.preventDefault(); // `toggle` sets it, once the browser has put back what it was
      const range = event.shiftKey;
      setTimeout(() => toggle(box, range));
      return;
    }
    const onLabel = event.target.closest?.("label:has([data-pick])");
    if (!box || onLabel || !picking() || event.metaKey || event.ctrlKey) return;
    if (event.target.closest("button, summary, .menu, form")) return;
    // While some are picked, a tile is picked and not opened.
    event.preventDefault();
    event.stopPropagation();
    toggle(box, event.shiftKey);
  },
  true,
);

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-pick-start]")) {
    if (picking()) clear();
    else mode(true);
    tell();
  }
  if (event.target.closest?.("[data-pick-all]")) {
    const every = boxes().every((box) => box.checked);
    for (const box of boxes()) pick(box, !every);
    tell();
  }
});

document.addEventListener("reset", (event) => event.target.matches("[data-picked]") && clear());

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("textarea, select, video, audio, input:not([data-pick])")) return;
  if (event.key === "Escape" && picking() && !document.querySelector("details[data-menu][open]")) {
    event.preventDefault();
    clear();
  }
  if (event.key.toLowerCase() === "x") {
    const box = boxOf(tileOf(event.target));
    if (!box) return;
    event.preventDefault();
    toggle(box, event.shiftKey);
  }
});

// A download leaves the page as it is, so that it can be asked for again.
document.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-pick-zip]")) setTimeout(() => delete event.target.dataset.sent);
});

// What is sent to be deleted is picked no longer.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig?.elt.closest("[data-picked]") && event.detail.xhr.status < 400) clear();
});

// An address names only what was chosen.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "filter") return;
  for (const name of [...detail.formData.keys()]) {
    if (!detail.formData.get(name) || (name === "sort" && detail.formData.get(name) === "new")) detail.formData.delete(name);
  }
});

/** Show what scripts can do, and tick what is picked: also on cards that were painted anew. */
function bind(root) {
  if (root.matches?.("[data-shelf]")) {
    // The button that was pressed is gone: what takes it back is where the keyboard goes on.
    if (document.activeElement === document.body) document.querySelector("#toasts [data-toast-done] button")?.focus();
  }
  for (const button of document.querySelectorAll("[data-pick-start], [data-pick-all]")) button.hidden = false;
  const here = new Set();
  for (const box of boxes()) {
    here.add(box.value);
    box.checked = picked.has(box.value);
  }
  for (const value of picked) if (!here.has(value)) picked.delete(value);
  tell();
}

bind(document);
document.addEventListener("htmx:load", (event) => bind(event.detail.elt));
// A page that the browser kept is as it was left.
addEventListener("pageshow", (event) => event.persisted && clear());

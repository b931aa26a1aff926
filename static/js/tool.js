// The controls of a tool page. Everything here is a comfort: the form works without it.

import { fold } from "./fold.js";
import { slide } from "./length.js";
import { model } from "./model.js";
import { pick } from "./pick.js";
import { helpIsOpen } from "./popover.js";
import { portraits } from "./portrait.js";
import { suit } from "./suit.js";
import { take } from "./taken.js";

const FIGURE_SPACE = "\u2007"; // as wide as a figure
const phone = matchMedia("(max-width: 63.99rem)");
const sheet = document.querySelector("[data-sheet]");
const opener = document.querySelector("[data-sheet-open]");

function showSheet(shown) {
  if (!sheet) return;
  sheet.toggleAttribute("data-open", shown);
  opener?.setAttribute("aria-expanded", String(shown));
  if (!phone.matches) return;
  if (shown) (sheet.querySelector("textarea") ?? sheet.querySelector("input:not([type=hidden])"))?.focus();
  else if (sheet.contains(document.activeElement) || document.activeElement === document.body) opener?.focus();
}

opener?.addEventListener("click", () => showSheet(true));
sheet?.querySelector("[data-sheet-close]")?.addEventListener("click", () => showSheet(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !helpIsOpen() && !document.querySelector("dialog[open]") && phone.matches && sheet?.hasAttribute("data-open")) showSheet(false);
});

function fill(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Characters as the studio counts them: an emoji is one, and so is a line end. What is too long is told, not cut off.
function count(counter) {
  const field = document.getElementById(counter.dataset.countFor);
  const most = field.maxLength;
  field.removeAttribute("maxlength");
  const show = () => {
    const length = [...field.value.trim()].length;
    counter.textContent = `${String(length).padStart(String(most).length, FIGURE_SPACE)} / ${most}`; // the slash stays where it is
    counter.classList.toggle("is-near", length > most * 0.9);
  };
  field.addEventListener("input", show);
  show();
}

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  const least = area.rows;
  const fit = () => {
    area.rows = least;
    while (area.scrollHeight > area.clientHeight && area.rows < 14) area.rows += 1;
  };
  area.addEventListener("input", fit);
  fit();
}

function seed(box) {
  const input = box.querySelector("input");
  const lock = box.querySelector("[data-seed-lock]");
  const locked = (on) => lock.setAttribute("aria-pressed", String(on));
  box.querySelector("[data-seed-dice]").addEventListener("click", () => {
    fill(input, String(crypto.getRandomValues(new Uint32Array(1))[0] >>> 1));
    locked(true);
  });
  lock.addEventListener("click", () => locked(lock.getAttribute("aria-pressed") !== "true"));
  input.addEventListener("change", () => locked(input.value !== ""));
}

/** Bring what is wrong into view, with its sentence: the list of it where there are several, or else its control. */
function showFaults(panel) {
  const list = panel.querySelector("[data-faults]");
  const field = panel.querySelector(".field--invalid");
  const target = list ?? field?.querySelector("[aria-invalid=true], input:not([type=hidden]), textarea, select");
  if (!target) return;
  target.focus({ preventScroll: true });
  (list ?? field).scrollIntoView({ block: "nearest" });
}

/** What is mended is no fault any more, in its field and in the list; one that is left is told at its field alone. */
function mended(field) {
  field.classList.remove("field--invalid");
  field.querySelector(".errorlist")?.remove();
  for (const control of field.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  const list = field.closest("[data-panel]").querySelector("[data-faults]");
  const lines = [...(list?.querySelectorAll("li") ?? [])];
  const left = lines.filter((line) => !field.contains(document.getElementById(line.querySelector("a")?.hash.slice(1))));
  if (left.length === lines.length) return;
  if (left.length < 2) list.remove();
  else for (const line of lines) if (!left.includes(line)) line.remove();
}

/** Lead from a line of that list to its control, and open the group that it stands in. */
function leadTo(event) {
  const link = event.target.closest?.("[data-fault]");
  const named = link && document.getElementById(link.hash.slice(1));
  if (!named) return;
  event.preventDefault();
  const fold = named.closest("details");
  if (fold) fold.open = true;
  const control = named.matches("input, textarea, select") ? named : named.querySelector("input:checked, input, [tabindex]");
  control?.focus({ preventScroll: true });
  named.closest(".field")?.scrollIntoView({ block: "nearest" });
}

function bind(panel) {
  panel.querySelectorAll("[data-slider]").forEach(slide);
  panel.querySelectorAll("[data-count-for]").forEach(count);
  panel.querySelectorAll("textarea").forEach(grow);
  panel.querySelectorAll("[data-seed]").forEach(seed);
  panel.querySelectorAll("[data-pick]").forEach(pick);
  panel.querySelectorAll("[data-portraits]").forEach(portraits);
  panel.querySelectorAll("[name=model_id]").forEach(model);
  panel.querySelectorAll("[name=model_id]").forEach(suit);
  panel.querySelectorAll("[data-fold]").forEach(fold);
  panel.addEventListener("click", leadTo);
  panel.addEventListener("input", (event) => {
    const field = event.target.closest(".field--invalid");
    if (field) mended(field);
  });
  showFaults(panel);
}

// ⌘↵ stands on the button, so it works wherever the focus is but in another form and in a dialog.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || event.defaultPrevented) return;
  const panel = document.querySelector("[data-panel]");
  const form = event.target.closest("form");
  if (!panel || (form && form !== panel) || document.querySelector("dialog[open]")) return;
  if (event.target.matches("a[href], summary") && !panel.contains(event.target)) return; // opens it in a tab of its own
  event.preventDefault();
  const button = panel.querySelector("[data-submit]");
  if (!event.repeat && !button.disabled) panel.requestSubmit(button);
});

document.querySelectorAll("[data-panel]").forEach(bind);
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.matches?.("[data-panel]")) {
    showSheet(true);
    bind(event.detail.elt); // last, because it puts the focus on what is wrong
    for (const field of fieldsOf(event.detail.elt)) if (meanwhile.has(keyOf(field))) put(field, meanwhile.get(keyOf(field)));
    meanwhile.clear();
    for (const input of event.detail.elt.querySelectorAll("input[type=file]")) {
      if (!brought.has(input.name)) continue;
      input.files = brought.get(input.name);
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest?.("[data-fill]");
  const field = chip && document.getElementById(chip.dataset.fill);
  if (!field) return;
  event.preventDefault();
  showSheet(true);
  take(field, new URL(chip.href).searchParams.get("prompt"));
});

// A form that comes back has lost its files, as no answer can bring them: they are chosen again.
const brought = new Map();
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches?.("[data-panel], [data-preset]")) return;
  brought.clear();
  for (const input of event.detail.elt.closest("[data-panel]").querySelectorAll("input[type=file]")) if (input.files.length) brought.set(input.name, input.files);
});

// What is typed or chosen while the answer is on its way is newer than the form that comes with it.
const sent = new Map();
const meanwhile = new Map();
const isChoice = ({ type }) => type === "radio" || type === "checkbox";
const fieldsOf = (panel) => panel.querySelectorAll("textarea[name], select[name], input[name]:not([type=hidden], [type=file])");
const keyOf = (field) => `${field.name}=${isChoice(field) ? field.value : ""}`;
const stateOf = (field) => (isChoice(field) ? field.checked : field.value);

function put(field, state) {
  if (stateOf(field) === state) return;
  if (isChoice(field)) field.checked = state;
  else field.value = state;
  for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
}

document.addEventListener("htmx:configRequest", ({ detail: { elt } }) => {
  if (!elt.matches?.("[data-panel], [data-preset]")) return;
  sent.clear();
  for (const field of fieldsOf(elt.closest("[data-panel]"))) sent.set(keyOf(field), stateOf(field));
});
document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
  if (!target.matches?.("[data-panel]")) return;
  for (const field of fieldsOf(target)) {
    if (sent.has(keyOf(field)) && sent.get(keyOf(field)) !== stateOf(field)) meanwhile.set(keyOf(field), stateOf(field));
  }
});

// A started film: the sheet goes, the stage comes, and an unlocked seed is drawn anew.
document.addEventListener("htmx:afterRequest", (event) => {
  const panel = event.detail.elt;
  if (!panel.matches?.("[data-panel]") || !(event.detail.xhr.status < 400)) return;
  panel.querySelectorAll(".field--invalid").forEach(mended);
  panel.querySelector("[data-faults]")?.remove();
  for (const box of panel.querySelectorAll("[data-seed]")) {
    if (box.querySelector("[data-seed-lock]").getAttribute("aria-pressed") === "false") fill(box.querySelector("input"), "");
  }
  if (phone.matches) {
    showSheet(false);
    scrollTo({ top: 0 });
  }
});

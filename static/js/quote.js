// The quote beside the button: asked again when credits move, and the words that a model does not know, rewritten by a click.

import { take } from "./taken.js";

const quote = document.getElementById("quote");
const FORM = "application/x-www-form-urlencoded";

// The chip of the top bar is repainted, or replaced, whenever credits move; every open page hears of it.
const chip = document.getElementById("credits");
if (quote && chip) {
  let shown = chip.textContent.trim();
  new MutationObserver(() => {
    const now = document.getElementById("credits")?.textContent.trim();
    if (now === undefined || now === shown) return;
    shown = now;
    htmx.trigger("#quote", "credits");
  }).observe(chip.parentElement, { childList: true, subtree: true, characterData: true });
}

// The price of an upload needs the upload; a large one is looked at only when it is started.
const LOOKED_AT = 50e6;
const filesOf = (form) => [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]);
const bytesOf = (form) => filesOf(form).reduce((sum, file) => sum + file.size, 0);
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "quote") return;
  const form = detail.elt.closest("form");
  const inputs = [...form.querySelectorAll("input[type=file]")];
  const bytes = bytesOf(form);
  const brings = bytes > 0 && bytes < LOOKED_AT;
  if (bytes >= LOOKED_AT) {
    detail.headers["Large-File"] = "1"; // so that no price is promised
    for (const box of form.querySelectorAll("[data-following][data-old]")) tellLarge(box);
  }
  detail.elt.setAttribute("hx-encoding", brings ? "multipart/form-data" : FORM);
  if (brings) delete detail.headers["Content-Type"];
  else {
    detail.headers["Content-Type"] = FORM;
    for (const { name } of inputs) {
      const chosen = detail.formData.getAll(name).filter((value) => typeof value === "string"); // out of the library
      detail.formData.delete(name);
      for (const value of chosen) detail.formData.append(name, value);
    }
  }
});

// What follows a clip or a picture, such as the faces in it, says nothing of another one, and neither does what was picked.
const chosen = new Map(); // what each input had last
document.addEventListener("change", ({ target }) => {
  const panel = target.closest?.("[data-panel]");
  const input = target.closest?.("[data-pick]")?.querySelector("input[type=file]");
  if (!panel || !input || input.accept.startsWith("audio/")) return;
  const [file] = input.files;
  const now = file ? [file.name, file.size, file.lastModified].join() : target.type === "radio" ? target.value : "";
  if (now === (chosen.get(input.name) ?? "")) return; // a form that came back has its file again
  chosen.set(input.name, now);
  htmx.trigger("#quote", "htmx:abort");
  for (const box of panel.querySelectorAll("[data-following]")) {
    for (const each of box.querySelectorAll("input")) {
      if (each.type === "hidden") each.remove();
      else each.checked = false;
    }
    box.dataset.old = "";
    if (box.closest(".field--invalid")) box.dispatchEvent(new Event("input", { bubbles: true })); // mended, or told anew
  }
});

/** Say of a file that is too large to be sent for a quote when it is looked at. */
function tellLarge(box) {
  const told = Object.assign(document.createElement("p"), { className: "muted faces__told", textContent: box.dataset.large });
  told.id = box.id.replace("following-", "id_"); // as what stood there was called
  box.replaceChildren(told);
  delete box.dataset.old;
}

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const form = detail.target?.matches?.("[data-following]") && detail.target.closest("form");
  if (!form) return;
  if (bytesOf(form) >= LOOKED_AT) detail.shouldSwap = false; // the studio has not seen the file: what it said with the form stands
  else delete detail.target.dataset.old;
});

document.addEventListener("click", (event) => {
  const field = document.querySelector("[data-panel] [name=prompt]");
  const offered = event.target.closest?.("[data-rewrite]");
  if (!offered || !field) return;
  event.preventDefault();
  take(field, offered.dataset.rewrite, field.value.trim());
});

// What was refused as a whole, for want of credits or of a place in line, is told until a changed form has a good quote.
document.addEventListener("input", ({ target }) => {
  const panel = target.closest?.("[data-panel]");
  if (panel) panel.dataset.changed = "";
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const panel = detail.target.id === "quote" && detail.target.closest("[data-panel]");
  if (!panel || !("changed" in panel.dataset) || detail.target.querySelector(".quote__problem")) return;
  const list = detail.target.querySelector(".quote__credits") && panel.querySelector("[data-faults]");
  if (!list) return;
  for (const line of list.querySelectorAll("li:not(:has([data-fault]))")) line.remove();
  if (!list.querySelector("[data-fault]")) list.remove();
});

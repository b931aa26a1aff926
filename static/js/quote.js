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

// The price of an upload needs the upload. The studio holds it and answers with a name for it, which is sent from then on:
// by the quotes to come, and by the form itself.
const HELD = "Held-Files";
const TOLD = 5e6; // bytes from which on it is told how much was sent
const held = new Map(); // by input: the file that was sent, and its name there
const keyOf = (file) => (file ? [file.name, file.size, file.lastModified].join() : "");
const inputsOf = (form) => [...form.querySelectorAll("input[type=file]")].filter((input) => input.files.length);
const heldOf = (input) => (held.get(input.name)?.key === keyOf(input.files[0]) ? held.get(input.name).name : "");
const brings = (form) => inputsOf(form).some((input) => !heldOf(input));
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const asks = detail.elt.id === "quote";
  if (!asks && !detail.elt.matches?.("[data-panel]")) return;
  const form = detail.elt.closest("form");
  for (const input of form.querySelectorAll("input[type=file]")) {
    const name = input.files.length ? heldOf(input) : "";
    if (input.files.length && !name) continue;
    const chosen = detail.formData.getAll(input.name).filter((value) => typeof value === "string"); // out of the library
    detail.formData.delete(input.name);
    for (const value of name ? [name] : chosen) detail.formData.append(input.name, value);
  }
  if (!asks) return;
  detail.elt.setAttribute("hx-encoding", brings(form) ? "multipart/form-data" : FORM);
  if (brings(form)) delete detail.headers["Content-Type"];
  else detail.headers["Content-Type"] = FORM;
});

// While a file is on its way, what is typed is priced after it, and the form is sent once the file is there.
let sending = null; // the quote, its files by input, and what waits for them
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  if (elt.id !== "quote") return;
  const form = elt.closest("form");
  const files = new Map(inputsOf(form).map((input) => [input.name, keyOf(input.files[0])]));
  if (brings(form)) sending = { elt, files, again: false, send: null };
});
document.addEventListener("htmx:confirm", (event) => {
  const { elt, issueRequest } = event.detail;
  const sends = elt.matches?.("[data-panel]");
  if (sends && !sending && brings(elt)) htmx.trigger("#quote", "credits");
  if (!sending?.elt.isConnected) return;
  if (elt.id === "quote" && inputsOf(elt.closest("form")).every((input) => sending.files.get(input.name) === keyOf(input.files[0]))) {
    event.preventDefault();
    sending.again = true;
  } else if (sends) {
    event.preventDefault();
    sending.send = issueRequest;
    elt.querySelector("[data-submit]").disabled = true;
  }
});
document.addEventListener("htmx:afterRequest", ({ detail: { elt, xhr, requestConfig } }) => {
  if (elt.id !== "quote") return;
  const form = elt.closest("form");
  const told = JSON.parse(xhr.getResponseHeader(HELD) || "null");
  const done = sending;
  sending = null;
  let gone = false;
  for (const input of told ? inputsOf(form) : []) {
    const key = keyOf(input.files[0]);
    const [name, was] = [told[input.name], heldOf(input)];
    if (name && done?.files.get(input.name) === key) held.set(input.name, { key, name });
    else if (!name && was && requestConfig.formData.get(input.name) === was) gone = held.delete(input.name);
  }
  if (done?.send) {
    form.querySelector("[data-submit]").disabled = false;
    done.send();
  } else if ((done?.again && xhr.status) || gone) htmx.trigger("#quote", "credits");
});

document.addEventListener("htmx:xhr:progress", ({ target, detail: { loaded, total } }) => {
  if (target.id !== "quote" || !sending || total < TOLD) return;
  const box = inputsOf(target.closest("form")).find((input) => !heldOf(input))?.closest("[data-pick]");
  const note = box?.querySelector(".pick__note");
  if (note && !box.classList.contains("pick--wrong")) note.textContent = loaded < total ? box.dataset.sending.replace("{percent}", Math.floor((100 * loaded) / total)) : box.dataset.sent;
});

// What follows a clip or a picture, such as the faces in it, says nothing of another one, and neither does what was picked.
const chosen = new Map(); // what each input had last
document.addEventListener("change", ({ target }) => {
  const panel = target.closest?.("[data-panel]");
  const input = target.closest?.("[data-pick]")?.querySelector("input[type=file]");
  if (!panel || !input || input.accept.startsWith("audio/")) return;
  const [file] = input.files;
  const now = file ? keyOf(file) : target.type === "radio" ? target.value : "";
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

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (detail.target?.matches?.("[data-following]")) delete detail.target.dataset.old;
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

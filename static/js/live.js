// Cards and credits that move by websocket, without losing focus and without restarting a video.

import { takeOver } from "./film.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const early = new Map(); // cards that came before the page had a place for them, or while theirs waits for an answer
let refocus = "";

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Bring the moving parts of `shown` up to date; everything else stays, and with it the focus and a film that plays. */
function patch(shown, incoming) {
  for (const part of incoming.querySelectorAll("[data-once]")) {
    const old = shown.querySelector(`[data-once="${part.dataset.once}"]`);
    if (!old || old.firstElementChild || !part.firstElementChild) continue;
    old.replaceChildren(...part.childNodes);
    htmx.trigger(old, "htmx:load", { elt: old });
  }
  for (const part of incoming.querySelectorAll("[data-live]")) {
    const old = shown.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!old || old.isEqualNode(part)) continue;
    const focused = old.contains(document.activeElement);
    old.replaceChildren(...part.childNodes);
    htmx.process(old);
    if (focused) old.querySelector("button, a")?.focus();
  }
}

function replace(shown, incoming) {
  if (takeOver(shown, incoming)) return;
  const card = document.importNode(incoming, true);
  card.removeAttribute("hx-swap-oob");
  shown.replaceWith(card);
  htmx.process(card);
  htmx.trigger(card, "htmx:load", { elt: card });
}

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  const incoming = parse(event.detail.message);
  if (!incoming?.id) return;
  const shown = document.getElementById(incoming.id);
  // htmx looks for the places of an answer beside the form that asked, so that one must not be swapped away meanwhile.
  if (!shown || shown.querySelector(".htmx-request")) {
    early.set(incoming.id, incoming);
    event.preventDefault();
    return;
  }
  const status = incoming.dataset.status;
  if (shown.hidden) {
    event.preventDefault(); // in the trash
  } else if (status === undefined) {
    event.preventDefault();
    if (shown.textContent !== incoming.textContent) {
      shown.replaceChildren(...incoming.childNodes);
      shown.classList.remove("is-moved");
      requestAnimationFrame(() => shown.classList.add("is-moved"));
    }
  } else if (shown.dataset.status === status) {
    event.preventDefault();
    if (!ENDED.has(status)) patch(shown, incoming);
  } else {
    refocus = shown.contains(document.activeElement) ? incoming.id : "";
  }
});

// Answers over HTTP and new states over the socket: a film that plays goes on playing.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target: shown, fragment } = event.detail;
  const incoming = fragment.firstElementChild;
  if (!shown.matches(".card") || !incoming?.matches(".card")) return;
  const same = shown.dataset.status === incoming.dataset.status && !ENDED.has(shown.dataset.status);
  if (same) patch(shown, incoming);
  if (same || takeOver(shown, incoming)) event.detail.shouldSwap = false;
});

function focusCard(id) {
  document.querySelector(`#${CSS.escape(id)} a, #${CSS.escape(id)} button`)?.focus();
}

document.addEventListener("htmx:wsAfterMessage", () => {
  // A film that has the focus keeps it.
  if (refocus && document.activeElement === document.body) focusCard(refocus);
  refocus = "";
});

// A button that was pressed is gone with its card's old state: what took its place is where the keyboard goes on.
let asked = "";
document.addEventListener("htmx:beforeRequest", ({ detail: { elt, pathInfo } }) => {
  const about = /[0-9a-f-]{36}/.exec(pathInfo?.requestPath ?? "");
  if (about && elt.contains(document.activeElement)) asked = `generation-${about[0]}`;
});
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (!asked || elt?.id !== asked) return;
  const id = asked;
  asked = "";
  setTimeout(() => document.activeElement === document.body && focusCard(id)); // after the toasts, which may take it
});

function catchUp(elt) {
  const waiting = elt?.id && early.get(elt.id);
  if (!waiting || elt.hidden) return;
  early.delete(elt.id);
  if (waiting.dataset.status !== elt.dataset.status && !ENDED.has(elt.dataset.status)) replace(elt, waiting);
}

document.addEventListener("htmx:load", (event) => catchUp(event.detail.elt));
document.addEventListener("htmx:afterRequest", () => {
  for (const id of [...early.keys()]) catchUp(document.getElementById(id));
});

// What stands beside a film says more once it has ended.
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  const beside = document.querySelector("[hx-trigger=ended]");
  if (beside && elt?.matches(".card") && ENDED.has(elt.dataset.status)) htmx.trigger(beside, "ended");
});

// A socket that is gone for more than a moment is worth a word.
const TOO_MANY = 4429; // this account has too many pages open: the socket does not come back by itself
let gone;
document.addEventListener("htmx:wsClose", ({ detail: { event } }) => {
  clearTimeout(gone);
  if (event.code === TOO_MANY) {
    document.body.dataset.live = "full";
    return;
  }
  gone = setTimeout(() => (document.body.dataset.live = "off"), 3000);
});
document.addEventListener("htmx:wsOpen", () => {
  clearTimeout(gone);
  delete document.body.dataset.live;
});

// Cards and credits that move by websocket, without losing focus and without restarting a video.

import { takeOver } from "./film.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const early = new Map(); // cards that came while theirs waits for an answer
let refocus = "";

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Bring the moving parts of `shown` up to date; everything else stays, and with it the focus and a film that plays. */
function patch(shown, incoming) {
  shown.dataset.percent = incoming.dataset.percent;
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

/** Put a card that is new to this page where it belongs: on the stage of its tool, or on the first page of the library. */
function place(incoming) {
  if (incoming.dataset.batch) return; // the card of its batch stands for it
  const stage = document.querySelector("#stage-list");
  const list = stage?.dataset.tool === incoming.dataset.tool ? stage : document.querySelector("#library[data-newest]");
  if (!list) return;
  const card = document.importNode(incoming, true);
  card.removeAttribute("hx-swap-oob");
  const older = [...list.querySelectorAll(":scope > .card")].find((each) => Number(each.dataset.created) < Number(card.dataset.created));
  list.insertBefore(card, older ?? null);
  htmx.process(card);
  htmx.trigger(card, "htmx:load", { elt: card });
}

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  const incoming = parse(event.detail.message);
  if (!incoming?.id) return;
  const shown = document.getElementById(incoming.id);
  const card = incoming.matches(".card");
  if (card || incoming.matches("[data-gone]")) {
    document.dispatchEvent(new CustomEvent("studio:job", { detail: { job: incoming } }));
  }
  if (!shown) {
    event.preventDefault();
    if (card) place(incoming);
    return;
  }
  // htmx looks for the places of an answer beside the form that asked, so that one must not be swapped away meanwhile.
  if (shown.querySelector(".htmx-request")) {
    early.set(incoming.id, incoming);
    event.preventDefault();
    return;
  }
  if (incoming.matches("[data-gone]")) {
    if (shown.hidden) event.preventDefault();
  } else if (!card) {
    event.preventDefault();
    if (shown.textContent !== incoming.textContent) {
      shown.replaceChildren(...incoming.childNodes);
      shown.classList.remove("is-moved");
      requestAnimationFrame(() => shown.classList.add("is-moved"));
    }
    for (const { name, value } of incoming.attributes) {
      if (name.startsWith("data-") && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
    }
  } else if (shown.dataset.status === incoming.dataset.status) {
    event.preventDefault();
    if (!ENDED.has(incoming.dataset.status)) patch(shown, incoming);
  } else {
    refocus = shown.contains(document.activeElement) ? incoming.id : "";
  }
});

// Answers over HTTP and new states over the socket: a film that plays goes on playing.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const incoming = fragment.firstElementChild;
  if (!incoming?.matches(".card")) return;
  // A card that is to be added may be here already: the socket can be faster than the answer.
  const shown = target.matches(".card") ? target : target.querySelector(`#${CSS.escape(incoming.id)}`);
  if (!shown) return;
  const same = shown !== target || shown.dataset.status === incoming.dataset.status;
  if (same && !ENDED.has(shown.dataset.status) && shown.dataset.status === incoming.dataset.status) patch(shown, incoming);
  if (same || takeOver(shown, incoming)) event.detail.shouldSwap = false;
});

function focusCard(id) {
  document.querySelector(`#${CSS.escape(id)} .card__title a`)?.focus();
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
  if (about && elt.contains(document.activeElement) && !elt.closest("#activity")) asked = `generation-${about[0]}`;
});
const settle = () => asked && document.activeElement === document.body && focusCard(asked);
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (asked && elt?.id === asked) setTimeout(settle); // after the toasts, which may take it
});
// The socket may have brought the card before the answer came, and the toast that asked is gone only now.
document.addEventListener("htmx:afterRequest", ({ detail: { pathInfo } }) => {
  if (!asked || !pathInfo?.requestPath?.includes(asked.slice("generation-".length))) return;
  setTimeout(() => {
    settle();
    asked = "";
  });
});

function catchUp(elt) {
  const waiting = elt?.id && early.get(elt.id);
  if (!waiting) return;
  early.delete(elt.id);
  if (elt.hidden) return; // deleted meanwhile
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

// Cards and credits that move by websocket, without losing focus and without restarting a video.

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const early = new Map(); // cards that came before the page had a place for them, or while theirs waits for an answer
let refocus = "";

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Bring the moving parts of `shown` up to date; everything else, and with it the focus, stays. */
function patch(shown, incoming) {
  for (const part of incoming.querySelectorAll("[data-live]")) {
    const old = shown.querySelector(`[data-live="${part.dataset.live}"]`);
    if (old && !old.isEqualNode(part)) old.replaceChildren(...part.childNodes);
  }
}

function replace(shown, incoming) {
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

document.addEventListener("htmx:wsAfterMessage", () => {
  if (refocus) document.querySelector(`#${CSS.escape(refocus)} a, #${CSS.escape(refocus)} button`)?.focus();
  refocus = "";
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

// A socket that is gone for more than a moment is worth a word.
let gone;
document.addEventListener("htmx:wsClose", () => {
  clearTimeout(gone);
  gone = setTimeout(() => (document.body.dataset.live = "off"), 3000);
});
document.addEventListener("htmx:wsOpen", () => {
  clearTimeout(gone);
  delete document.body.dataset.live;
});

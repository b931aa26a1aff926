// The stage keeps its order: the job at work first and large, then those that wait in their turn, then what has ended.
// Cards glide to their places. One that somebody is with, or that has just begun to play, stays where it is meanwhile.

const WATCH_MS = 10_000; // how long a film that has just finished keeps the stage from the next one
const GLIDE = { duration: 240, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" };
const TURNS = ["running", "offered", "queued", "waiting"];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const list = document.getElementById("stage-list");
let before = new Map(); // card → where it was before the change that is on its way
let fresh; // the card that has just finished
let again;

const cards = () => [...list.querySelectorAll(":scope > .card")];

function turn(one, other) {
  const [a, b] = [one, other].map((card) => TURNS.indexOf(card.dataset.status) + 1 || TURNS.length + 1);
  const [first, second] = [one, other].map((card) => Number(card.dataset.created));
  return a - b || (a > TURNS.length ? second - first : first - second);
}

function isWatched(card) {
  if (card.matches(":focus-within")) return true;
  const video = card.querySelector("video");
  if (!video) return false;
  if (card.contains(document.fullscreenElement) || document.pictureInPictureElement === video) return true;
  return !video.paused && (card === fresh || !video.muted);
}

function snapshot() {
  before = new Map(cards().map((card) => [card, card.getBoundingClientRect()]));
}

/** Move a card; where the browser can, without stopping its film. */
function move(card, to) {
  if (list.moveBefore) return list.moveBefore(card, to);
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(card, to);
  focused?.focus({ preventScroll: true });
}

function glide(leads) {
  if (still.matches) return;
  for (const card of cards()) {
    const old = before.get(card);
    if (!old) continue;
    const now = card.getBoundingClientRect();
    const [x, y] = [old.left - now.left, old.top - now.top];
    if (!x && !y) continue;
    const from = { transform: `translate(${x}px, ${y}px)` };
    if (leads.has(card)) from.opacity = 0;
    card.animate([from, { transform: "none" }], GLIDE);
  }
}

function arrange() {
  clearTimeout(again);
  const [lead] = cards();
  const order = cards().sort(turn);
  if (lead && order[0] !== lead && !TURNS.includes(lead.dataset.status) && isWatched(lead)) {
    order.splice(order.indexOf(lead), 1);
    order.unshift(lead);
    again = setTimeout(keepOrder, 1000);
  }
  let place = list.querySelector(":scope > .card");
  for (const card of order) {
    if (card !== place) move(card, place);
    else do place = place.nextElementSibling; while (place && !place.matches(".card"));
  }
  const leads = new Set([lead, order[0]]);
  glide(lead === order[0] ? new Set() : leads);
  before = new Map();
  if (lead !== order[0]) htmx.trigger(list, "htmx:load", { elt: list });
}

/** Arrange when it is not a change of the page that asks for it. */
function keepOrder() {
  snapshot();
  arrange();
}

if (list) {
  for (const kind of ["htmx:wsBeforeMessage", "htmx:oobBeforeSwap", "htmx:beforeSwap"]) {
    document.addEventListener(kind, snapshot, true);
  }
  new MutationObserver((changes) => {
    const moved = changes.some(({ target, addedNodes, removedNodes }) => target === list && addedNodes.length + removedNodes.length);
    const changed = changes.find(({ type, target }) => type === "attributes" && target.parentElement === list)?.target;
    const gone = new Set(changes.flatMap(({ removedNodes }) => [...removedNodes]).map(({ id }) => id));
    const swapped = changes.flatMap(({ addedNodes }) => [...addedNodes]).find(({ id }) => id && gone.has(id));
    const ended = [changed, swapped].find((card) => card?.dataset.status === "succeeded");
    if (ended) {
      fresh = ended;
      setTimeout(() => fresh === ended && (fresh = null), WATCH_MS);
    }
    if (moved || changed) arrange();
  }).observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-status"] });
  // Later than a click takes: what is being pressed must not move away.
  list.addEventListener("focusout", () => setTimeout(keepOrder, 400));
}

// A way out of a failure names the field that helps: it is shown, and the keyboard is there.
const field = location.hash.startsWith("#id_") && document.getElementById(location.hash.slice(1));
if (field) {
  document.querySelector("[data-sheet]")?.setAttribute("data-open", "");
  for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  field.focus();
}

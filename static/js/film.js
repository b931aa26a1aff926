// A film that plays while it is made, at its newest window; then the finished file takes over where it is.

import { attach } from "./player.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const players = new Map(); // video → what feeds it
const AGAIN_MS = 4000;

async function open(video) {
  players.set(video, null);
  video.muted = true;
  video.addEventListener("loadeddata", () => show(video), { once: true });
  if (/Apple/.test(navigator.vendor) && video.canPlayType("application/vnd.apple.mpegurl")) {
    video.src = video.dataset.film;
    return;
  }
  const { default: Hls } = await import(video.dataset.player);
  if (!Hls.isSupported() || !players.has(video)) return;
  const hls = new Hls({ enableWorker: false, liveSyncDurationCount: 1 });
  players.set(video, hls);
  hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else setTimeout(() => players.has(video) && again(), AGAIN_MS); // the site may be away for a moment
  });
  // Until a first playlist has come, there is nothing that could go on.
  const again = () => (hls.levels.length ? hls.startLoad() : hls.loadSource(video.dataset.film));
  hls.loadSource(video.dataset.film);
  hls.attachMedia(video);
}

function show(video) {
  video.parentElement.dataset.on = "";
  video.closest(".card").style.setProperty("--shape", video.videoWidth / video.videoHeight);
  if (!still.matches) video.play().catch(() => {});
}

function close(video) {
  players.get(video)?.destroy();
  players.delete(video);
}

/**
 * Put the finished film of `incoming` into the card `shown` under the picture that plays there, and take that away when
 * both show the same. Returns false when nothing plays, so that the card can be swapped as any other.
 */
export function takeOver(shown, incoming) {
  const old = shown.querySelector("[data-on] > video[data-film]");
  if (!old || !incoming.querySelector("video[data-clip]")) return false;
  const card = document.importNode(incoming, true);
  const next = card.querySelector("video[data-clip]");
  const film = old.parentElement;
  const focused = shown.querySelector(".card__body").contains(document.activeElement);
  shown.className = card.className;
  shown.dataset.status = card.dataset.status;
  shown.querySelector(".card__body").replaceWith(card.querySelector(".card__body"));
  const screen = film.parentElement;
  for (const child of [...screen.children]) {
    if (child !== film && !("playerPart" in child.dataset)) child.remove(); // a film that is moved stops
  }
  screen.append(...card.querySelector(".card__screen").childNodes);
  film.querySelector(".card__badge")?.remove();
  next.dataset.held = ""; // it neither plays nor stops by itself until it is what is seen
  next.preload = "auto";
  next.controls = false; // the player goes on with it when it is shown
  next.muted = old.muted;
  next.volume = old.volume;
  htmx.process(shown);
  htmx.trigger(shown, "htmx:load", { elt: shown });
  if (focused) shown.querySelector(".card__body a, .card__body button")?.focus();
  ready(old, next).then((there) => {
    if (!there) return;
    const playing = !old.paused && !old.ended;
    old.pause(); // a moment's rest, rather than a step back by what the seek takes
    const place = Math.min(old.currentTime, next.duration - 0.05);
    next.addEventListener("seeked", function there() {
      if (Math.abs(next.currentTime - place) > 0.25) return; // a seek of its own, such as to the beginning
      next.removeEventListener("seeked", there);
      reveal(playing);
    });
    next.currentTime = place;
  });

  function reveal(playing) {
    close(old);
    attach(next);
    film.remove();
    const free = () => {
      delete next.dataset.held;
      htmx.trigger(shown, "htmx:load", { elt: shown });
    };
    if (playing) next.play().then(free, free);
    else next.addEventListener("play", free, { once: true });
  }
  return true;
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Wait until `next` has its data and nobody watches `old` in a window of its own; false when the card is gone by then.
 * What cannot be loaded is asked for again: until it comes, `old` goes on with what it has.
 */
async function ready(old, next) {
  while (next.isConnected && next.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
    const came = new Promise((resolve) => {
      next.addEventListener("loadeddata", () => resolve(true), { once: true });
      next.addEventListener("error", () => resolve(false), { once: true });
    });
    next.load();
    if (!(await came)) await wait(AGAIN_MS);
  }
  while (document.pictureInPictureElement === old || old.webkitDisplayingFullscreen) await wait(200);
  return next.isConnected;
}

function bind() {
  for (const video of [...players.keys()]) if (!video.isConnected) close(video);
  for (const video of document.querySelectorAll("video[data-film]")) if (!players.has(video)) open(video);
}

bind();
document.addEventListener("htmx:load", bind);

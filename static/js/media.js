// Moving pictures: in view they play, under the pointer they scrub; with reduced motion they wait to be asked.

import { attach } from "./player.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const pointer = matchMedia("(hover: hover)");

/** Play by itself: without its sound where the browser lets none be heard that nobody asked for. */
const play = (video) =>
  video.play().catch(({ name }) => {
    if (name !== "NotAllowedError" || video.muted) return;
    video.muted = true;
    video.play().catch(() => {});
  });

const inView = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if ("held" in target.dataset) continue;
      if (isIntersecting && !still.matches) play(target);
      else target.pause();
    }
  },
  { threshold: 0.25 },
);

const isStage = (card) => card.matches("#stage-list > article:first-of-type, .asset__stage > article");
const isTile = (card) => !isStage(card) && card.matches(".grid > article, #stage-list > article");

/** Many at once play under the pointer or the focus; the one on the stage plays when it is in view. */
function stage(card) {
  shape(card);
  const tile = isTile(card); // its whole face is a link
  for (const video of card.querySelectorAll("video[data-film], video[data-clip]")) {
    if ("held" in video.dataset) continue;
    if (tile) {
      video.controls = false;
      video.tabIndex = -1;
    } else attach(video);
    if (isStage(card) || "film" in video.dataset) {
      video.preload = "auto";
      inView.observe(video);
    } else {
      inView.unobserve(video);
      if (!card.matches(":hover, :focus-within")) video.pause();
    }
  }
}

/** A tile plays with the focus; under a pointer its ten frames pass by, or it plays when it has none. */
function tilePlay(card, entered, byPointer) {
  const video = card.querySelector("video[data-clip]");
  if (!video || !pointer.matches || !isTile(card)) return;
  if (entered) {
    if (!still.matches && !(byPointer && card.querySelector("[data-strip]"))) play(video);
  } else if (!card.matches(":hover, :focus-within")) {
    if (!video.paused) {
      video.pause();
      video.load(); // back to the poster
    }
    card.querySelector("[data-strip]")?.setAttribute("hidden", "");
  }
}

const FRAMES = 10;
const strips = new WeakSet();

document.addEventListener("pointermove", (event) => {
  const card = event.pointerType === "mouse" && event.target.closest?.(".card");
  const strip = card && isTile(card) && card.querySelector("[data-strip]");
  if (!strip || !card.querySelector("video").paused) return;
  if (!strips.has(strip)) {
    strips.add(strip);
    const picture = new Image();
    picture.src = strip.dataset.strip;
    picture.decode().then(
      () => {
        strip.style.backgroundImage = `url("${picture.src}")`;
        strip.dataset.ready = "";
      },
      () => {},
    );
  }
  const { left, width } = card.getBoundingClientRect();
  const frame = Math.min(FRAMES - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * FRAMES)));
  strip.style.backgroundPositionX = `${(frame * 100) / (FRAMES - 1)}%`;
  strip.hidden = !("ready" in strip.dataset);
});

/** The shape of a card is that of its picture; one with several has the shape of their grid. */
function shape(item) {
  const [media, more] = item.querySelectorAll("video, img.card__media");
  const [width, height] = ["width", "height"].map((side) => Number(media?.getAttribute(side)));
  if (width && height && !more) item.style.setProperty("--shape", width / height);
}

function bind(root) {
  for (const item of root.querySelectorAll?.("[data-shape]") ?? []) shape(item);
  for (const video of root.querySelectorAll?.("video[data-autoplay]") ?? []) inView.observe(video);
  for (const card of document.querySelectorAll(".card")) stage(card);
  for (const sound of document.querySelectorAll(".sound__player")) attach(sound);
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const card = event.target.closest?.(".card");
    if (card && !card.contains(event.relatedTarget)) tilePlay(card, true, kind === "pointerover");
  });
}
for (const kind of ["pointerout", "focusout"]) {
  document.addEventListener(kind, (event) => {
    const card = event.target.closest?.(".card");
    if (card && !card.contains(event.relatedTarget)) setTimeout(() => tilePlay(card, false, kind === "pointerout"));
  });
}

bind(document);
document.addEventListener("htmx:load", (event) => bind(event.detail.elt));

still.addEventListener("change", () => {
  for (const video of document.querySelectorAll("video")) if (still.matches) video.pause();
});

// Moving pictures: in view they play, under the pointer they scrub; with reduced motion they wait to be asked.

const still = matchMedia("(prefers-reduced-motion: reduce)");
const pointer = matchMedia("(hover: hover)");

const play = (video) => video.play().catch(() => {});

const inView = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && !still.matches) play(target);
      else target.pause();
    }
  },
  { threshold: 0.25 },
);

/** In a grid, a clip plays while its card has the pointer or the focus. */
function hoverPlay(card) {
  const video = card.querySelector("video[data-clip]");
  if (!video || !pointer.matches) return;
  video.controls = false;
  video.tabIndex = -1;
  const start = () => !still.matches && play(video);
  const stop = () => {
    if (card.matches(":hover, :focus-within")) return;
    video.pause();
    video.load(); // back to the poster
  };
  card.addEventListener("pointerenter", start);
  card.addEventListener("focusin", start);
  card.addEventListener("pointerleave", stop);
  card.addEventListener("focusout", () => setTimeout(stop));
}

function bind(root) {
  for (const video of root.querySelectorAll?.("video[data-autoplay]") ?? []) inView.observe(video);
  const cards = root.matches?.(".card") ? [root] : (root.querySelectorAll?.(".card") ?? []);
  for (const card of cards) if (card.closest(".grid")) hoverPlay(card);
  const first = document.querySelector("#stage-list > article video[data-clip], .asset__stage video[data-clip]");
  if (first && root.contains(first) && first.closest("article").matches("article:first-of-type")) {
    first.preload = "auto";
    inView.observe(first);
  }
}

bind(document);
document.addEventListener("htmx:load", (event) => bind(event.detail.elt));

still.addEventListener("change", () => {
  for (const video of document.querySelectorAll("video")) if (still.matches) video.pause();
});

// Keys of the card that has the focus: d downloads, r remixes, Delete deletes.
document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input, textarea, select, video")) return;
  const card = event.target.closest(".card") ?? document.querySelector(".asset__stage .card");
  const action = [...(card?.querySelectorAll("[data-key]") ?? [])].find((item) => item.dataset.key === event.key);
  if (action) {
    event.preventDefault();
    action.click();
  }
  // Arrow keys walk through a grid.
  const walk = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const grid = event.target.closest("[data-walk]");
  if (walk && grid) {
    const links = [...grid.querySelectorAll(".card__title a")];
    const at = links.findIndex((link) => link.closest(".card") === card);
    links[at + walk]?.focus();
  }
});

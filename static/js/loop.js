// Stills that move. The films come after the page has loaded, and only what is in view plays: the wall by itself,
// thumbnails under the pointer or with the focus, and by themselves where there is no pointer. One button holds all;
// it stands at Play from the start for people who ask for less motion or for less data.

const still = matchMedia("(prefers-reduced-motion: reduce)");
const pointer = matchMedia("(hover: hover)");
const KEY = "moving-pictures";
const remembered = {
  get: () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // the browser keeps nothing
    }
  },
  set: (value) => {
    try {
      localStorage.setItem(KEY, value);
    } catch {
      // then it holds for this page
    }
  },
};

const button = document.querySelector("[data-pause]");
const seen = new Set();
let asked = null; // the loop under the pointer or with the focus
let held = still.matches || Boolean(navigator.connection?.saveData) || remembered.get() === "held";

const byItself = (loop) => !("loopOnHover" in loop.dataset) || !pointer.matches;

function film(loop) {
  let video = loop.querySelector("video");
  if (!video) {
    video = document.createElement("video");
    Object.assign(video, { className: "loop__film", muted: true, loop: true, playsInline: true, tabIndex: -1 });
    video.disablePictureInPicture = true;
    video.setAttribute("aria-hidden", "true");
    video.addEventListener("playing", () => loop.classList.add("is-playing"));
    video.src = loop.dataset.loop;
    loop.append(video);
  }
  return video;
}

function update(loop) {
  const plays = !held && seen.has(loop) && (byItself(loop) || loop === asked);
  if (plays) {
    film(loop)
      .play()
      .catch(() => {});
    return;
  }
  loop.querySelector("video")?.pause();
  if (!byItself(loop)) loop.classList.remove("is-playing"); // back to the still
}

function show() {
  button.hidden = false;
  button.querySelector("[data-pause-now]").hidden = held;
  button.querySelector("[data-play-now]").hidden = !held;
}

function hold(now) {
  held = now;
  for (const loop of document.querySelectorAll("[data-loop]")) update(loop);
  if (button) show();
}

function start() {
  const inView = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
        update(target);
      }
    },
    { threshold: 0.25 },
  );
  for (const loop of document.querySelectorAll("[data-loop]")) inView.observe(loop);
}

for (const host of document.querySelectorAll("[data-loop-host]")) {
  const loop = host.querySelector("[data-loop]");
  if (!loop) continue;
  const ask = () => {
    const before = asked;
    asked = loop;
    if (before && before !== loop) update(before);
    update(loop);
  };
  const leave = () => {
    if (asked !== loop || host.matches(":hover, :focus-within")) return;
    asked = null;
    update(loop);
  };
  host.addEventListener("pointerenter", ask);
  host.addEventListener("focusin", ask);
  host.addEventListener("pointerleave", leave);
  host.addEventListener("focusout", () => setTimeout(leave));
}

button?.addEventListener("click", () => {
  remembered.set(held ? "moving" : "held");
  hold(!held);
});
still.addEventListener("change", () => hold(still.matches));
if (button) show();

const later = () => (window.requestIdleCallback ?? setTimeout)(start);
if (document.readyState === "complete") later();
else addEventListener("load", later, { once: true });

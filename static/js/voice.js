// Voices: one at a time is heard, and the one that a form has chosen can be listened to beside it.

let heard; // what is playing

function alone(media) {
  if (heard && heard !== media) heard.pause();
  heard = media;
}

document.addEventListener("play", ({ target }) => target.matches("[data-voice-sample]") && alone(target), true);

function pick(box) {
  const select = box.querySelector("select");
  const button = box.querySelector("[data-voice-play]");
  const sound = new Audio();
  sound.preload = "none";
  const shown = (on) => button.setAttribute("aria-pressed", String(on));
  const silence = () => {
    sound.pause();
    shown(false);
  };
  for (const name of ["pause", "ended"]) sound.addEventListener(name, () => shown(false));
  sound.addEventListener("error", () => {
    shown(false);
    if (sound.src) button.title = box.dataset.lost;
  });
  select.addEventListener("change", silence);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-pressed") === "true") {
      silence();
      return;
    }
    alone(sound);
    sound.src = box.dataset.samples.replace("SLUG", encodeURIComponent(select.value || box.dataset.usual));
    shown(true);
    sound.play().catch(() => shown(false));
  });
}

const bound = new WeakSet();

/** Bind the voices of a form; of a form that came anew, too. */
export function voices(root = document) {
  for (const box of root.querySelectorAll("[data-voice]")) {
    if (bound.has(box)) continue;
    bound.add(box);
    pick(box);
  }
}

voices();
document.addEventListener("htmx:afterSettle", () => voices());

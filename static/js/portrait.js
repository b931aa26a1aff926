// Who speaks: a presenter, or a picture of one's own. A presenter is shown as the film cuts it, brings a voice, and needs
// no consent.

/** Place a picture in its box as a film is cut: around a point of it, whose place is given in parts. */
function around(picture, [x, y]) {
  const box = picture.getBoundingClientRect();
  const { naturalWidth: width, naturalHeight: height } = picture;
  if (!width || !box.width) return;
  const zoom = Math.max(box.width / width, box.height / height);
  const share = (place, whole, seen) => {
    const room = whole * zoom - seen;
    return room < 1 ? 50 : Math.min(100, Math.max(0, ((place * whole * zoom - seen / 2) / room) * 100));
  };
  picture.style.objectPosition = `${share(x, width, box.width)}% ${share(y, height, box.height)}%`;
}

export function portraits(box) {
  const panel = box.closest("form");
  const shown = box.querySelector("[data-portrait-shown]");
  const [picture, about] = shown.children;
  const voice = panel.querySelector("[data-voice]");
  const first = voice?.querySelector('option[value=""]');
  const usual = { slug: voice?.dataset.usual, told: first?.textContent };
  const presenter = () => box.querySelector("[data-whole]:checked");

  /** The voice that is left to the studio is the presenter's own, where the studio has it. */
  const speak = (chosen) => {
    if (!first) return;
    const own = chosen && [...first.parentElement.options].some(({ value }) => value === chosen.dataset.speaks);
    voice.dataset.usual = own ? chosen.dataset.speaks : usual.slug;
    first.textContent = own ? box.dataset.speaksTold.replace("{name}", chosen.dataset.speaksName) : usual.told;
  };

  const brings = () =>
    [...panel.querySelectorAll("[data-pick]")].some(
      (each) => each.querySelector("input[type=file]").files.length || each.querySelector(".shelf__item:not(.shelf__item--none) :checked"),
    );
  const consent = panel.elements.consent?.closest(".field");

  const show = () => {
    const chosen = presenter();
    shown.hidden = !chosen;
    if (chosen) {
      picture.src = chosen.dataset.whole;
      about.textContent = chosen.closest("label").title;
    }
    speak(chosen);
    if (consent) consent.hidden = !brings() && Boolean(chosen) && !consent.matches(".field--invalid");
  };

  /** A picture of one's own is cut around the face that the studio has seen in it. */
  const cut = () => {
    const brought = box.querySelector("[data-pick-preview] img");
    const [x, y] = panel.querySelector("[data-face-middle]")?.dataset.faceMiddle.split(",").map(Number) ?? [0.5, 0.5];
    if (brought) around(brought, [x, y]);
  };
  panel.addEventListener("change", ({ target }) => {
    show();
    if (target.name === "ratio") cut();
  });
  box.querySelector("[data-pick-preview]").addEventListener("load", cut, true);
  document.addEventListener("htmx:oobAfterSwap", ({ detail }) => detail.target.closest?.("form") === panel && cut());
  new ResizeObserver(cut).observe(box);
  // Made again: the voice that the presenter brought was not chosen, and does not stay with another one.
  if (first && presenter()?.dataset.speaks === first.parentElement.value) first.parentElement.value = "";
  show();
}

// Sliders. That of a length says its seconds, frames and windows, and agrees with the buttons for whole seconds.

const number = (form, name, otherwise) => Number(form?.elements[name]?.value || form?.elements[name]?.placeholder) || otherwise;

/** How many windows a length takes, with the window and the overlap that the form asks for. */
function windowsOf(input, frames) {
  const base = number(input.form, "base_num_frames", Number(input.dataset.window));
  const added = input.form?.elements.overlap_history
    ? base - number(input.form, "overlap_history", base - Number(input.dataset.added))
    : Number(input.dataset.added);
  return 1 + (added > 0 ? Math.ceil(Math.max(0, frames - base) / added) : 0);
}

/** The word for where a slider stands, of those for its length. */
const wordOf = (input, words) => {
  const [least, most] = [Number(input.min), Number(input.max)];
  return words[Math.round(((Number(input.value) - least) / (most - least)) * (words.length - 1))];
};

export function slide(slider) {
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const told = () => {
    const frames = Number(input.value);
    if (slider.dataset.words) return wordOf(input, slider.dataset.words.split("|"));
    if (!slider.dataset.told) return input.value;
    const windows = windowsOf(input, frames);
    const counted = (windows === 1 ? slider.dataset.one : slider.dataset.many).replace("{count}", windows);
    const seconds = (frames / number(input.form, "fps", Number(input.dataset.fps))).toFixed(1);
    return slider.dataset.told.replace("{seconds}", seconds).replace("{frames}", frames).replace("{windows}", counted);
  };
  const show = () => {
    output.textContent = told();
    input.setAttribute("aria-valuetext", output.textContent);
    const share = (Number(input.value) - Number(input.min)) / (Number(input.max) - Number(input.min) || 1);
    slider.style.setProperty("--share", share.toFixed(4));
    for (const button of slider.querySelectorAll("[data-frames]")) {
      button.setAttribute("aria-pressed", String(button.dataset.frames === input.value));
    }
  };
  slider.addEventListener("click", (event) => {
    const button = event.target.closest("[data-frames]");
    if (!button) return;
    input.value = button.dataset.frames;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
  });
  input.addEventListener("input", show);
  if (slider.dataset.told) {
    input.form?.addEventListener("input", (event) => {
      if (["fps", "base_num_frames", "overlap_history"].includes(event.target.name)) show();
    });
  }
  show();
}

/** Offer the whole seconds that another model reaches: frames by seconds. */
export function offerSeconds(slider, seconds) {
  const group = slider.querySelector(".seconds");
  group.replaceChildren(
    ...Object.entries(seconds).map(([count, frames]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "seconds__button figures" });
      button.textContent = slider.dataset.second.replace("{count}", count);
      Object.assign(button.dataset, { seconds: count, frames });
      button.disabled = Number(count) > Number(slider.dataset.longest ?? Infinity);
      if (button.disabled) button.title = slider.dataset.beyond;
      return button;
    }),
  );
}

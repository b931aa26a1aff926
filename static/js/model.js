// What is left empty is the model's recommendation, so another model shows its own, and another one for images.

import { offerFinishes } from "./finish.js";
import { offerSeconds } from "./length.js";
import { offerSamples } from "./samples.js";

export function model(select) {
  const form = select.form;
  if (!select.options[0]?.dataset.model) return; // a tool whose models recommend nothing
  const about = () => JSON.parse(select.selectedOptions[0].dataset.model);
  const ratio = (value) => form.querySelector(`[name=ratio][value="${CSS.escape(value)}"]`);
  // Which modes a control is for, the page says: Auto is for those that begin with something, and an image for some.
  const suits = (control) => control.closest("[data-modes]").dataset.modes.split(" ").includes(form.elements.mode.value);
  const shaped = () => suits(ratio(""));
  let untouched = !new URLSearchParams(location.search).has("from"); // the ratio is as the page chose it

  // Auto is offered where there is something to match; elsewhere the model's own ratio takes its place.
  const suitRatio = () => {
    const auto = ratio("");
    if (shaped() && untouched) auto.checked = true;
    else if (!shaped() && auto.checked) ratio(about().ratios[0]).checked = true;
  };

  form.addEventListener("change", (event) => {
    if (event.target.name === "ratio") untouched = false;
    if (event.target.name === "mode") suitRatio();
    const { placeholders, picture } = about();
    const values = suits(form.querySelector("[name=image]")) ? { ...placeholders, ...picture } : placeholders;
    for (const [field, value] of Object.entries(values)) form.elements[field].placeholder = value;
    // The slider counts windows by these.
    if (event.target === select) form.elements.num_frames.dispatchEvent(new Event("input", { bubbles: true }));
  });

  select.addEventListener("change", () => {
    const { slider, seconds, ratios, sizes, examples, tips, title, limits, looks, style, finishes } = about();
    const length = form.elements.num_frames;
    for (const [name, value] of Object.entries(slider)) length.setAttribute(name, value);
    offerFinishes(form, finishes);
    offerSeconds(length.closest("[data-slider]"), seconds);
    for (const input of form.querySelectorAll("[name=ratio]")) {
      input.disabled = input.value !== "" && !ratios.includes(input.value);
      const size = input.closest("label").querySelector("[data-ratio-size]");
      if (size) size.textContent = sizes[input.value]?.join(" × ") ?? "";
      if (input.disabled && input.checked) ratio(shaped() ? "" : ratios[0]).checked = true;
    }
    for (const input of form.querySelectorAll("[name=style]")) {
      input.disabled = !looks.includes(input.value);
      if (input.disabled && input.checked) form.querySelector(`[name=style][value="${CSS.escape(looks[0])}"]`).checked = true;
    }
    form.querySelector(".tips")?.replaceChildren(
      ...tips.map((tip) => Object.assign(document.createElement("li"), { textContent: tip })),
    );
    offerSamples(form, examples);
    for (const [name, text] of Object.entries({ title, limits, style })) {
      const place = document.querySelector(`[data-model-${name}]`);
      if (place) place.textContent = text;
    }
  });
}

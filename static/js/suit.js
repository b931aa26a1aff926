// A form of pictures follows its model: ratios, examples and recommended values, and what the model takes no notice of
// is greyed, with the reason beside it.

import { offerFinishes } from "./finish.js";
import { offerSamples } from "./samples.js";

export function suit(select) {
  if (!select.options[0]?.dataset.suits) return; // of another kind of tool
  const form = select.form;
  const about = () => JSON.parse(select.selectedOptions[0].dataset.suits);

  function follow() {
    const { ratios, ignored, placeholders, examples, title, limits, looks, style, finishes } = about();
    offerFinishes(form, finishes);
    for (const why of form.querySelectorAll("[data-why]")) {
      const reason = ignored[why.dataset.why] ?? "";
      why.textContent = reason;
      why.hidden = !reason;
      form.elements[why.dataset.why].disabled = Boolean(reason);
    }
    for (const input of form.querySelectorAll("[name=ratio]")) {
      input.disabled = !ratios.includes(input.value);
      if (input.disabled && input.checked) form.querySelector(`[name=ratio][value="${CSS.escape(ratios[0])}"]`).checked = true;
    }
    for (const input of form.querySelectorAll("[name=style]")) {
      input.disabled = !looks.includes(input.value);
      if (input.disabled && input.checked) form.querySelector(`[name=style][value="${CSS.escape(looks[0])}"]`).checked = true;
    }
    for (const [field, value] of Object.entries(placeholders)) form.elements[field].placeholder = value;
    offerSamples(form, examples);
    for (const [name, text] of Object.entries({ title, limits, style })) {
      const place = document.querySelector(`[data-model-${name}]`);
      if (place) place.textContent = text;
    }
  }

  select.addEventListener("change", follow);
}

// What is left empty is the model's recommendation, so another model shows its own, and another one for pictures.

export function model(select) {
  const form = select.form;
  if (!select.options[0]?.dataset.model) return; // a tool whose models recommend nothing
  const about = () => JSON.parse(select.selectedOptions[0].dataset.model);
  form.addEventListener("change", () => {
    const { placeholders, picture } = about();
    const pictures = ["picture", "ends"].includes(form.elements.mode.value);
    const values = pictures ? { ...placeholders, ...picture } : placeholders;
    for (const [field, value] of Object.entries(values)) form.elements[field].placeholder = value;
  });
  select.addEventListener("change", () => {
    const { slider, ratios } = about();
    const length = form.elements.num_frames;
    for (const [name, value] of Object.entries(slider)) length.setAttribute(name, value);
    length.dispatchEvent(new Event("input", { bubbles: true }));
    for (const ratio of form.querySelectorAll("[name=ratio]")) {
      ratio.disabled = ratio.value !== "" && !ratios.includes(ratio.value);
      if (ratio.disabled && ratio.checked) form.querySelector("[name=ratio][value='']").checked = true;
    }
  });
}

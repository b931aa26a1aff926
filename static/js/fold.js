// A group of settings: how many are not as the page starts, and a way back.

const isSwitch = (control) => control.type === "checkbox";
const changed = (control) =>
  isSwitch(control)
    ? control.checked !== Boolean(control.dataset.default)
    : control.value.trim() !== "" && control.value !== control.dataset.default;

export function fold(details) {
  const controls = [...details.querySelectorAll("[data-default]")];
  const badge = details.querySelector("[data-changed]");
  const reset = details.querySelector("[data-reset]");
  const count = () => {
    const number = controls.filter(changed).length;
    badge.textContent = badge.dataset.changed.replace("{count}", number);
    badge.hidden = reset.hidden = number === 0;
  };
  details.addEventListener("input", count);
  details.addEventListener("change", count);
  reset.addEventListener("click", () => {
    for (const control of controls.filter(changed)) {
      if (isSwitch(control)) control.checked = Boolean(control.dataset.default);
      else control.value = control.dataset.default;
      for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
    }
    details.querySelector("summary").focus();
  });
  count();
}

// A prompt that is put in place of another one by a click, and taken back by "Undo".

const taken = new WeakMap(); // by field, what stood in it before: the newest last

/** Put a text into a field as if it had been typed, so that the browser's own undo takes it back. */
function write(field, text) {
  field.focus();
  field.select();
  const written = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
  if (written && field.value === text) return;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function put(field, text, original) {
  const kept = field.form.elements.prompt_original;
  write(field, text);
  if (kept) kept.value = original;
}

/** Write a prompt; `original` is what the user wrote, where the text was suggested for it. */
export function take(field, text, original = "") {
  const before = taken.get(field) ?? [];
  before.push({ text: field.value, original: field.form.elements.prompt_original?.value ?? "" });
  taken.set(field, before);
  put(field, text, original);
  const undo = field.form.querySelector("[data-fill-undo]");
  if (undo) undo.hidden = false;
}

document.addEventListener("click", (event) => {
  const undo = event.target.closest?.("[data-fill-undo]");
  const field = undo?.form.elements.prompt;
  const last = field && taken.get(field)?.pop();
  if (!last) return;
  put(field, last.text, last.original);
  undo.hidden = !taken.get(field).length;
});

// Where a prompt is emptied, or written back, nothing is left of the one that was suggested for.
document.addEventListener("input", ({ target }) => {
  const kept = target.name === "prompt" && target.form?.elements.prompt_original;
  if (kept && [kept.value, ""].includes(target.value.trim())) kept.value = "";
});

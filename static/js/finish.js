// Which finishes the plan of the account has depends on the size that the model makes.

/** Grey the finishes of a form that a model would make too large for the plan, each with the plan that has it. */
export function offerFinishes(form, refused) {
  const finish = form.elements.finish;
  for (const option of finish?.options ?? []) {
    option.dataset.as ??= option.disabled ? option.textContent.split(":")[0] : option.textContent;
    option.disabled = option.value in refused;
    option.textContent = refused[option.value] ?? option.dataset.as;
  }
  if (finish?.selectedOptions[0]?.disabled) finish.value = "";
}

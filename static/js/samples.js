// Prompts to begin with, which are those of the model that is chosen.

/** Show the prompts of a model: in the empty field, among the samples, and on the empty stage. */
export function offerSamples(form, examples) {
  form.elements.prompt.placeholder = examples[0] ?? "";
  const links = [...(form.querySelector("[data-samples]")?.children ?? [])];
  for (const [index, link] of links.entries()) {
    const example = examples[index] ?? "";
    link.hidden = !example;
    link.textContent = example;
    link.href = address(example);
  }
  const first = document.querySelector("[data-first-sample]");
  if (!first || !examples.length) return;
  first.textContent = examples[0];
  first.closest("a").href = address(examples[0]);
}

const address = (example) => `?prompt=${encodeURIComponent(example)}`;

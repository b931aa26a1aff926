// A sample fills the prompt box. Without this it is a link to the page with that prompt in the box.

const prompt = document.getElementById("hero-prompt");

document.addEventListener("click", (event) => {
  const sample = event.target.closest("[data-fill]");
  if (!sample || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  prompt.value = sample.dataset.fill;
  prompt.focus();
});

// A button that copies the text of what it names, or of what stands before it.

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const named = button.dataset.copy;
  await navigator.clipboard.writeText((named ? document.getElementById(named) : button.previousElementSibling).textContent);
  button.textContent = "Copied";
});

// Menus are <details>: they work without this. It closes them when the pointer or the focus goes elsewhere.

const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("pointerdown", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.preventDefault(); // the key is used up
    }
  }
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    const search = document.querySelector("[data-hotkey-search]");
    if (search?.offsetParent) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
});

// The command key has another name on other keyboards.
function nameKeys(root) {
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) return;
  for (const key of root.querySelectorAll("kbd")) key.textContent = key.textContent.replace("⌘", "Ctrl ");
}

nameKeys(document);
document.addEventListener("htmx:load", (event) => nameKeys(event.detail.elt));

// Keys: ⌘K searches, arrows walk through a grid, and letters act on the card that has the focus.
// Loaded after menu.js, whose menus come first and use Escape up.

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    const search = document.querySelector("[data-hotkey-search]");
    if (search?.offsetParent) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});

// Keys of the card that has the focus: d downloads, r remixes, Delete deletes.
document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input, textarea, select, video, audio")) return;
  if (event.defaultPrevented || document.querySelector("details[data-menu][open]")) return;
  const asset = document.querySelector("main.asset");
  const card = event.target.closest(".card") ?? asset;
  const action = [...((asset ?? card)?.querySelectorAll("[data-key]") ?? [])].find((item) => item.dataset.key === event.key);
  if (action) {
    event.preventDefault();
    action.click();
  }
  // Arrow keys walk through a grid.
  const walk = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const grid = event.target.closest("[data-walk]");
  if (walk && grid) {
    const links = [...grid.querySelectorAll(".card__title a")];
    const at = links.findIndex((link) => link.closest(".card") === card);
    links[at + walk]?.focus();
  }
});

// The command key has another name on other keyboards.
function nameKeys(root) {
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) return;
  for (const key of root.querySelectorAll("kbd")) key.textContent = key.textContent.replace("⌘", "Ctrl ");
}

nameKeys(document);
document.addEventListener("htmx:load", (event) => nameKeys(event.detail.elt));

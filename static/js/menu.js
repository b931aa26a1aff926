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
});

// A menu over a card stands beside its button, inside the window; without this the browser puts it into the middle.
document.addEventListener(
  "toggle",
  ({ target: menu, newState }) => {
    if (!menu.matches?.("[data-over]") || newState !== "open") return;
    const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`).getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const below = button.bottom + 8 + height <= innerHeight;
    menu.style.left = `${Math.max(8, Math.min(button.left, innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, below ? button.bottom + 8 : button.top - height - 8)}px`;
  },
  true,
);

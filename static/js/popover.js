// Help behind a "?". The browser opens and closes it; this says where it stands, and plays its clips.

const wide = matchMedia("(min-width: 64rem)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const GAP = 8;

/** Put a popover beside its button, or beside the column of controls that this is in: what it explains stays in view. */
function place(popover, button) {
  if (!wide.matches || !button) return; // on a phone it is a sheet, which needs no place
  popover.toggleAttribute("data-placed", true);
  const { left, top } = button.getBoundingClientRect();
  const { right } = (button.closest("[data-sheet]") ?? button).getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const beside = right + GAP + width > innerWidth - GAP ? left - GAP - width : right + GAP;
  popover.style.setProperty("--left", `${Math.max(GAP, beside)}px`);
  popover.style.setProperty("--top", `${Math.max(GAP, Math.min(top - GAP, innerHeight - height - GAP))}px`);
}

document.addEventListener(
  "toggle",
  (event) => {
    const popover = event.target;
    if (!popover.matches?.("[data-popover]")) return;
    const open = event.newState === "open";
    if (open) place(popover, document.querySelector(`[popovertarget="${CSS.escape(popover.id)}"]`));
    else popover.removeAttribute("data-placed");
    for (const clip of popover.querySelectorAll("[data-hint-clip]")) {
      if (!open) clip.pause();
      else if (still.matches) clip.controls = true;
      else clip.play().catch(() => (clip.controls = true)); // the browser may want a press first
    }
  },
  true,
);

/** True while some help is open: Escape is for it. */
export const helpIsOpen = () => Boolean(document.querySelector("[data-popover]:popover-open"));

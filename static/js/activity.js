// The activity panel: opens over every page, moves with the jobs, and tells the studio that its user has looked.

const panel = document.getElementById("activity");
const page = document.querySelector("main [data-activity-panel]")?.parentElement; // the panel's own page
const SOON_MS = 250;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
let opener;
let soon;

const isOpen = () => Boolean(panel && !panel.hidden);
const shownIn = () => (isOpen() ? panel : page);
const addressOf = (link) => new URL(link.href).pathname;

function copyCount() {
  const count = document.getElementById("activity-count");
  for (const copy of document.querySelectorAll("[data-activity-copy]")) {
    copy.textContent = Number(count?.dataset.active) || "";
    copy.dataset.unseen = count?.dataset.unseen ?? 0;
  }
}

function tellSeen(root) {
  const form = root.querySelector("[data-activity-seen]");
  if (!form || document.hidden) return;
  htmx.ajax("POST", form.action, { source: form, values: { until: form.elements.until.value }, swap: "none" });
}

async function load(root) {
  const since = root.querySelector("[data-activity-panel]")?.dataset.since;
  const at = document.activeElement?.closest(".activity__row")?.id;
  const address = addressOf(document.querySelector("[data-activity]"));
  await htmx.ajax("GET", since ? `${address}?since=${encodeURIComponent(since)}` : address, { source: root, target: root, swap: "innerHTML" });
  // What had the focus may have moved to another section, or be gone.
  if (document.activeElement === document.body && (at || isOpen())) {
    (document.getElementById(at)?.querySelector("a, button") ?? panel).focus({ preventScroll: true });
  }
  tellSeen(root);
}

function expanded(on) {
  for (const link of document.querySelectorAll("[data-activity]")) link.setAttribute("aria-expanded", String(on && link === opener));
}

async function open(link) {
  opener = link;
  panel.replaceChildren();
  panel.hidden = false;
  expanded(true);
  await load(panel);
  if (isOpen()) panel.focus({ preventScroll: true });
}

function close(back) {
  if (!isOpen()) return;
  panel.hidden = true;
  panel.replaceChildren();
  expanded(false);
  if (back) opener?.focus();
}

if (panel) {
  copyCount();
  document.addEventListener("htmx:wsAfterMessage", copyCount);
  new MutationObserver(copyCount).observe(document.getElementById("activity-count"), { attributes: true, childList: true });
  if (page) tellSeen(page);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-activity]");
    if (event.target.closest?.("[data-activity-close]")) close(true);
    if (!link || page || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (isOpen()) close(true);
    else open(link);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !isOpen()) return;
    event.preventDefault();
    close(true);
  });
  const elsewhere = ({ target }) =>
    isOpen() && target.isConnected && !panel.contains(target) && !target.closest?.("[data-activity], .toasts") && close(false);
  document.addEventListener("pointerdown", elsewhere);
  document.addEventListener("focusin", elsewhere);
  document.addEventListener("visibilitychange", () => shownIn() && tellSeen(shownIn()));

  document.addEventListener("studio:job", ({ detail: { job } }) => {
    const root = shownIn();
    if (!root) return;
    const row = root.querySelector(`#${CSS.escape(job.id.replace("generation-", "activity-"))}`);
    if (row && row.dataset.status === job.dataset.status) {
      for (const part of row.querySelectorAll("[data-live]")) {
        const now = job.querySelector(`[data-live="${part.dataset.live}"]`);
        if (now && part.textContent !== now.textContent) part.textContent = now.textContent.trim();
      }
      const bar = row.querySelector("progress");
      if (bar) bar.value = Number(job.dataset.percent);
    } else if (row || !ENDED.has(job.dataset.status ?? "failed")) {
      // A job begins, moves on or ends: its row is in another section now.
      clearTimeout(soon);
      soon = setTimeout(() => shownIn() && load(shownIn()), SOON_MS);
    }
  });
}

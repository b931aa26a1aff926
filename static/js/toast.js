// Toasts go away by themselves, later when there is something to press; what went wrong stays until it is closed.
// One object has one toast: a new one takes the place of what was said before. There are never more than three.

const MOST = 3;
const GAP = 8;
const region = document.getElementById("toasts");
const timers = new WeakMap();

function arm(toast) {
  clearTimeout(timers.get(toast));
  if (toast.matches(".toast--problem")) return;
  timers.set(toast, setTimeout(() => toast.remove(), toast.querySelector("form") ? 12000 : 5000));
}

/** Make room for a toast: what was said about the same thing goes, and the oldest beyond three, errors last. */
function makeRoom(toast) {
  const others = [...region.querySelectorAll(".toast")].filter((each) => each !== toast);
  const about = toast.dataset.about ?? toast.textContent.trim();
  for (const each of others) if ((each.dataset.about ?? each.textContent.trim()) === about) each.remove();
  const left = others.filter((each) => each.isConnected);
  left.sort((a, b) => a.matches(".toast--problem") - b.matches(".toast--problem"));
  for (const each of left.slice(0, Math.max(0, left.length + 1 - MOST))) each.remove();
}

/** Put the newest toast at the edge of the page, and each older one behind it. */
function stack() {
  let away = 0;
  for (const toast of [...region.querySelectorAll(".toast")].reverse()) {
    toast.style.setProperty("--away", `${away}px`);
    away += toast.offsetHeight + GAP;
  }
}

function say(text, about) {
  const toast = document.createElement("div");
  toast.className = "toast toast--problem";
  toast.dataset.about = about;
  toast.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.className = "toast__text";
  line.textContent = text;
  const close = document.getElementById("toast-close").content.cloneNode(true);
  toast.append(line, close);
  region.append(toast);
}

/** Signed out meanwhile: to the sign-in page, and back to this one with the prompt that was typed. */
function signIn(path) {
  const back = new URL(location.href);
  const prompt = document.querySelector("[data-panel] [name=prompt]")?.value;
  if (prompt) back.searchParams.set("prompt", prompt);
  location.assign(`${path}?next=${encodeURIComponent(back.pathname + back.search)}`);
}

if (region) {
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (!node.matches?.(".toast")) continue;
        makeRoom(node);
        arm(node);
      }
    }
    stack();
    // What had the focus may be gone, as after a deletion: then it goes to what takes that back.
    if (document.activeElement === document.body) region.querySelector("form button")?.focus();
  }).observe(region, { childList: true });
  region.querySelectorAll(".toast").forEach(arm);
  stack();
  addEventListener("resize", stack);

  for (const kind of ["pointerenter", "focusin"]) {
    region.addEventListener(kind, () => region.querySelectorAll(".toast").forEach((toast) => clearTimeout(timers.get(toast))), true);
  }
  for (const kind of ["pointerleave", "focusout"]) {
    region.addEventListener(kind, () => region.querySelectorAll(".toast").forEach(arm), true);
  }
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest(".toast").remove();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status < 400) event.detail.elt.closest?.("[data-toast-done]")?.closest(".toast").remove();
  });

  document.addEventListener("htmx:sendError", () => say(region.dataset.away, "studio"));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (new URL(xhr.responseURL || location.href).pathname.startsWith("/accounts/login")) {
      event.detail.shouldSwap = false;
      signIn(new URL(xhr.responseURL).pathname);
      return;
    }
    const ours = xhr.status < 400 || xhr.status === 422 || xhr.getResponseHeader("HX-Retarget");
    if (!ours) {
      event.detail.shouldSwap = false;
      say(region.dataset.broken, "studio");
    }
  });
}

// The API reference: a filter, the place in the contents, the language of the examples, and buttons that copy.

const page = document.querySelector("[data-docs]");
const contents = page.querySelector("[data-contents]");
const links = new Map([...contents.querySelectorAll("a[href*='#']")].map((link) => [link.hash.slice(1), link]));
const calls = [...links].filter(([, link]) => link.dataset.words); // those of every page

// An address from when all calls were on one page.
const asked = links.get(location.hash.slice(1));
if (asked && asked.pathname !== location.pathname) location.replace(asked.href);

const copier = page.querySelector("[data-copier]").content;
for (const code of page.querySelectorAll(".sample__code")) code.append(copier.cloneNode(true));

// --- contents: folded on a phone, always open beside the text
const wide = matchMedia("(min-width: 64rem)");
contents.open = wide.matches;
wide.addEventListener("change", () => (contents.open = wide.matches));
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});

// --- the place: the section that crosses a line a little below the bars, where a followed link has its heading
const here = contents.querySelector("[data-here]");
let spy;

const mark = (entries) => {
  const current = entries.find((entry) => entry.isIntersecting)?.target;
  if (!current) return;
  for (const link of links.values()) link.removeAttribute("aria-current");
  const link = links.get(current.id);
  link.setAttribute("aria-current", "location");
  here.textContent = (link.querySelector("span") ?? link).textContent;
  const { top, bottom } = link.getBoundingClientRect();
  const box = contents.getBoundingClientRect();
  if (top < box.top || bottom > box.bottom) contents.scrollTop += top - box.top - box.height / 2;
};

const watch = () => {
  spy?.disconnect();
  const line = wide.matches ? 140 : 250;
  spy = new IntersectionObserver(mark, { rootMargin: `-${line}px 0px -${Math.max(0, innerHeight - line - 1)}px 0px` });
  for (const section of page.querySelectorAll("[data-spy]")) spy.observe(section);
};

watch();
addEventListener("resize", watch);

// --- filter: hides what is on this page, and lists what is on others
const filter = page.querySelector("[data-filter]");
const elsewhere = page.querySelector("[data-elsewhere]");
filter.hidden = false;

const find = (text) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  const others = [];
  for (const [id, link] of calls) {
    const fits = words.every((word) => link.dataset.words.includes(word));
    const call = document.getElementById(id);
    link.parentElement.hidden = !fits;
    found += fits;
    if (!call) {
      link.search = words.length ? new URLSearchParams({ find: text }) : "";
      if (fits && words.length) others.push(link.parentElement.cloneNode(true));
      continue;
    }
    call.hidden = !fits;
    for (const more of call.querySelectorAll(".more")) {
      more.open = [...more.querySelectorAll(".spec__name")].some((name) => words.some((word) => name.textContent.includes(word)));
    }
  }
  for (const group of page.querySelectorAll("[data-group]")) {
    group.hidden = [...group.querySelectorAll("[data-words]")].every((link) => link.parentElement.hidden);
  }
  for (const rest of page.querySelectorAll("[data-rest], .docs__intro")) rest.hidden = words.length > 0;
  elsewhere.querySelector("ul").replaceChildren(...others);
  elsewhere.hidden = others.length === 0;
  page.querySelector("[data-nothing]").hidden = found > 0;
  if (words.length) contents.open = true;
};

const field = filter.querySelector("input");
field.addEventListener("input", () => find(field.value));
field.value = new URLSearchParams(location.search).get("find") ?? "";
if (field.value) {
  find(field.value);
  history.replaceState(null, "", location.pathname + location.hash); // so that links within the page stay within it
}

// --- language, remembered
const KEPT = "docs-language";
const languages = page.querySelectorAll("[name=language]");
try {
  const kept = [...languages].find(({ value }) => value === localStorage.getItem(KEPT));
  if (kept) kept.checked = true;
} catch {
  // Storage is closed to us: the page's own choice stands.
}
for (const radio of languages) {
  radio.addEventListener("change", () => {
    try {
      localStorage.setItem(KEPT, radio.value);
    } catch {
      // As above.
    }
  });
}

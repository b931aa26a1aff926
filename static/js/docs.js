// The API page: a filter, the place in the contents, the language of the examples, and buttons that copy.

const page = document.querySelector("[data-docs]");
const contents = page.querySelector("[data-contents]");
const links = new Map([...contents.querySelectorAll("[href^='#']")].map((link) => [link.hash.slice(1), link]));
const calls = [...page.querySelectorAll("[data-call]")];

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

// --- filter
const filter = page.querySelector("[data-filter]");
filter.hidden = false;
filter.addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const call of calls) {
    call.hidden = !words.every((word) => call.dataset.words.includes(word));
    links.get(call.id).parentElement.hidden = call.hidden;
    found += !call.hidden;
    for (const more of call.querySelectorAll(".more")) {
      more.open = [...more.querySelectorAll(".spec__name")].some((name) => words.some((word) => name.textContent.includes(word)));
    }
  }
  for (const group of page.querySelectorAll("[data-group]")) {
    group.hidden = false; // so that what is in it is hidden only by itself
    group.hidden = ![...group.querySelectorAll("[data-call], [data-link]")].some((one) => !one.closest("[hidden]"));
  }
  for (const rest of page.querySelectorAll("[data-rest], .docs__intro")) rest.hidden = words.length > 0;
  page.querySelector("[data-nothing]").hidden = found > 0;
  if (words.length) contents.open = true;
});

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

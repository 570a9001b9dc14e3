const search = document.getElementById("search");
const shelves = [...document.querySelectorAll(".shelf")];
const found = document.getElementById("found");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const shelf of shelves) {
    const text = shelf.dataset.text.toLowerCase();
    shelf.hidden = !words.every(word => text.includes(word));
  }
  const shown = shelves.filter(shelf => !shelf.hidden).length;
  found.textContent = words.length ? `${shown} of ${shelves.length}` : "";
}

function step(by) {
  const stops = [search, ...shelves.filter(shelf => !shelf.hidden).map(shelf => shelf.firstElementChild)];
  const at = stops.indexOf(document.activeElement);
  stops[Math.min(Math.max(at + by, 0), stops.length - 1)].focus();
}

function mark(target) {
  const layer = target instanceof Element && target.getAttribute("data-layer");
  for (const one of document.querySelectorAll("rect.same")) one.classList.remove("same");
  if (layer)
    for (const one of document.querySelectorAll(`rect[data-layer="${layer}"]`)) one.classList.add("same");
}

if (search) {
  search.hidden = false;
  search.addEventListener("input", filter);
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/" && event.target !== search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
    if (event.key === "ArrowDown") { event.preventDefault(); step(1); }
    if (event.key === "ArrowUp") { event.preventDefault(); step(-1); }
  });
  addEventListener("pointerover", event => mark(event.target));
}

// Optional: every page works without it, and nothing here moves what is on the page.
(() => {
  "use strict";
  document.documentElement.classList.add("script");
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Numbers update by themselves; new rows appear only on request.
  const source = $("[data-stream]");
  const fresh = $("[data-fresh]");
  const words = fresh ? fresh.textContent : "";
  let stream = null;
  let leaves = false; // do not reload a page that is being left
  const put = (numbers) => {
    for (const place of all("[data-live]")) {
      const value = numbers[place.dataset.live];
      if (value !== undefined && place.textContent !== value) place.textContent = value;
    }
    if (fresh && numbers.fresh > 0) {
      fresh.textContent = words.replace("#", numbers.fresh >= 1000 ? "1000+" : numbers.fresh);
      fresh.hidden = false;
    }
    const bar = $("[data-live-progress]");
    if (bar && numbers.progress !== undefined) bar.value = (bar.max * numbers.progress) / 100;
    if (numbers.over && !leaves) location.reload();
  };
  const listen = () => {
    if (!source || stream || document.hidden) return;
    stream = new EventSource(source.dataset.stream);
    stream.onmessage = (event) => put(JSON.parse(event.data));
  };
  const rest = () => {
    if (stream) stream.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("beforeunload", () => (leaves = true));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", () => {
    leaves = false;
    listen();
  });
  listen();

  // Copy to the clipboard, which browsers offer on secure pages only.
  if (navigator.clipboard) document.documentElement.classList.add("clipboard");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  });

  // Select rows: all of them, or a range with Shift.
  const boxes = () => all("tbody .pick input");
  const every = $("[data-all]");
  if (every) every.addEventListener("change", () => boxes().forEach((box) => (box.checked = every.checked)));
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.closest("tbody .pick")) return;
    const list = boxes();
    if (event.shiftKey && last && list.includes(last)) {
      const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
      list.slice(from, to + 1).forEach((one) => (one.checked = box.checked));
    }
    last = box;
  });

  // Keys.
  const rows = all("tr[data-row]");
  let at = -1;
  const go = (step) => {
    if (!rows.length) return;
    if (at >= 0) rows[at].classList.remove("here");
    at = Math.min(Math.max(at + step, 0), rows.length - 1);
    rows[at].classList.add("here");
    rows[at].scrollIntoView({ block: "nearest" });
    const link = rows[at].querySelector("[data-open]") || rows[at].querySelector("a");
    if (link) link.focus({ preventScroll: true });
  };
  const places = { d: "/", o: "/orders", b: "/blocked", r: "/replays" };
  let afterG = 0;
  if (document.documentElement.dataset.keys !== "off") document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
    if (Date.now() - afterG < 1200 && places[event.key]) return location.assign(places[event.key]);
    afterG = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") {
      event.preventDefault();
      const box = $("#search");
      if (box) box.focus();
      else location.assign("/orders");
    } else if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "x" && at >= 0) {
      const box = rows[at].querySelector(".pick input");
      if (box) box.checked = !box.checked;
    } else if (event.key === "?") $("#keys").showModal();
  });
})();

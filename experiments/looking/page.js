"use strict";
// The values under the pointer, in the legend of each chart; the last ones again when it leaves.
for (const figure of document.querySelectorAll("figure.chart")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const over = figure.querySelector(".over");
  const at = figure.querySelector(".at b");
  const keys = [...figure.querySelectorAll(".key")];
  const shown = [at, ...keys.map((key) => key.querySelector("b"))];
  const last = shown.map((element) => element.textContent);
  const scale = data.log ? Math.log : (value) => value;

  const place = ([low, high], value, f = (v) => v) => (f(value) - f(low)) / (f(high) - f(low));
  const figures = (value) => {
    if (value === null) return "not finite";
    if (data.percent) return `${Number((100 * value).toPrecision(3))}%`;
    return Math.abs(value) >= 1000 && Math.abs(value) < 1e15
      ? Math.round(value).toLocaleString("en-US")
      : String(Number(value.toPrecision(4)));
  };
  const nearest = (xs, x) => { // -1 where the curve has ended, or not begun
    const room = 0.02 * (data.x[1] - data.x[0]);
    if (!xs.length || x < xs[0] - room || x > xs[xs.length - 1] + room) return -1;
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return x - xs[low] <= xs[high] - x ? low : high;
  };
  const mark = (tag, styles, tones = "") => {
    const element = document.createElement(tag);
    element.className = tones;
    Object.assign(element.style, styles);
    over.append(element);
  };

  over.addEventListener("pointermove", (event) => {
    const box = over.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const wanted = data.x[0] + share * (data.x[1] - data.x[0]);
    const found = data.series.map(({ x }) => nearest(x, wanted));
    const xs = data.series.map(({ x }, n) => x[found[n]]).filter((x) => x !== undefined);
    if (!xs.length) return;
    const here = xs.reduce((a, b) => (Math.abs(a - wanted) <= Math.abs(b - wanted) ? a : b));
    over.replaceChildren();
    mark("i", { left: `${100 * place(data.x, here)}%` });
    at.textContent = figures(here);
    data.series.forEach(({ x, y }, n) => {
      const value = y[found[n]];
      shown[n + 1].textContent = value === undefined ? "" : figures(value);
      if (value === undefined || value === null || (data.log && value <= 0)) return;
      const left = `${100 * place(data.x, x[found[n]])}%`;
      mark("b", { left, top: `${100 - 100 * place(data.y, value, scale)}%` },
        keys[n].className.replace(/key|dashed/g, "").trim());
    });
  });
  over.addEventListener("pointerleave", () => {
    over.replaceChildren();
    shown.forEach((element, n) => { element.textContent = last[n]; });
  });
}

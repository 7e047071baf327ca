// The filter above the table of matches. Without it, everything is shown.
(() => {
  const form = document.querySelector(".filter");
  const q = document.getElementById("q");
  const level = document.getElementById("lv");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll(".rows tbody tr")];
  if (rows.length === 0) return;
  const texts = rows.map((r) => r.textContent.toLowerCase());
  level.selectedIndex = level.options.length - 1;
  form.hidden = false;
  form.addEventListener("submit", (e) => e.preventDefault());
  const apply = () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    rows.forEach((r, i) => {
      const on = Number(r.dataset.l) <= Number(level.value) && words.every((w) => texts[i].includes(w));
      r.hidden = !on;
      if (on) n++;
    });
    shown.textContent = shown.dataset.text.replace("{0}", n.toLocaleString()).replace("{1}", rows.length.toLocaleString());
  };
  let timer = 0;
  q.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  level.addEventListener("change", apply);
  apply();
})();

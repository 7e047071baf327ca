// Keeps "12 min ago" and "0:42 left" true while the page stands. The words are
// those of words.go.
const units = {
  ja: { s: '秒', min: '分', h: '時間', days: '日', months: 'か月', years: '年' },
  en: { s: 's', min: 'min', h: 'h', days: 'days', months: 'months', years: 'years' },
};
const ja = document.documentElement.lang === 'ja';
const words = ja ? units.ja : units.en;
const minute = 60e3, hour = 60 * minute, day = 24 * hour;

function ago(ms) {
  const past = ms >= 0, d = Math.abs(ms);
  if (d < 5e3) return ja ? 'たった今' : 'now';
  const [n, unit] = d < minute ? [d / 1e3, 's'] : d < hour ? [d / minute, 'min'] : d < 2 * day ? [d / hour, 'h']
    : d < 60 * day ? [d / day, 'days'] : d < 730 * day ? [d / (30 * day), 'months'] : [d / (365 * day), 'years'];
  const v = `${Math.floor(n)} ${words[unit]}`;
  if (ja) return v + (past ? '前' : '後');
  return past ? `${v} ago` : `in ${v}`;
}

function left(ms) {
  const over = ms < 0;
  const m = Math.round(Math.abs(ms) / minute), h = Math.floor(m / 60);
  const v = h >= 48 ? `${Math.floor(h / 24)} ${words.days}` : `${h}:${String(m % 60).padStart(2, '0')}`;
  if (ja) return over ? `${v} 超過` : `残り ${v}`;
  return over ? `${v} over` : `${v} left`;
}

function tick() {
  const now = Date.now();
  for (const t of document.querySelectorAll('time[data-ago]')) {
    const s = ago(now - Date.parse(t.dateTime));
    if (t.textContent !== s) t.textContent = s;
  }
  for (const t of document.querySelectorAll('time[data-left]')) {
    const rest = Date.parse(t.dateTime) - now, s = left(rest);
    if (t.textContent !== s) t.textContent = s;
    t.parentElement.classList.toggle('hot', rest < hour);
  }
}

export function clocks() {
  // Pages that stand still on purpose (examples, pictures for a manual) say so.
  if (document.documentElement.dataset.still !== undefined) return;
  setInterval(tick, 15e3);
}

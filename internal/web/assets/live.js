// Live pages: the stream tells names of topics and never data; the page is then
// fetched again as this reader may see it, and its data-live regions change
// without moving what a hand is about to click.
const say = document.getElementById('say');
const least = 400; // ms between two fetches
const held = new Map(); // id -> region that waits until the hand is away
let source = null, busy = false, again = false, last = 0, broken = false, opened = false;

export function follow() {
  if (!document.body.dataset.topics || !window.EventSource) return;
  document.addEventListener('visibilitychange', () => document.hidden ? stop() : start());
  document.addEventListener('pointerout', release, { passive: true });
  document.addEventListener('focusout', release);
  window.addEventListener('pagehide', stop);
  window.addEventListener('pageshow', start);
  start();
}

// Hidden pages hold no connection: browsers have few for one server.
function start() {
  if (source || document.hidden) return;
  source = new EventSource('/live?topics=' + encodeURIComponent(document.body.dataset.topics));
  source.onopen = () => {
    if (opened) ask(); // something may have passed meanwhile
    opened = true;
    light(true);
  };
  source.onerror = () => {
    light(false);
    if (source?.readyState === EventSource.CLOSED) { // refused: try later, by hand
      source = null;
      setTimeout(start, 15e3);
    }
  };
  source.addEventListener('tell', ask);
}

function stop() {
  source?.close();
  source = null;
}

function light(on) {
  broken = !on;
  const dot = document.querySelector('[data-livedot]');
  if (!dot) return;
  dot.hidden = false;
  dot.classList.toggle('off', !on);
  dot.textContent = on ? say.dataset.wordsOn : say.dataset.wordsOff;
}

async function ask() {
  if (busy) { again = true; return; }
  busy = true;
  again = false;
  const wait = last + least - performance.now();
  if (wait > 0) await new Promise((r) => setTimeout(r, wait));
  last = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { 'X-Meneki-Fragment': '1', Accept: 'text/html' }, redirect: 'manual' });
    if (answer.ok) {
      take(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } else if (answer.status === 401 || answer.type === 'opaqueredirect') {
      stop();
      light(false);
    }
  } catch {
    light(false);
  }
  busy = false;
  if (again) ask();
}

function take(doc) {
  const anchor = underHand();
  const before = anchor?.getBoundingClientRect().top;
  for (const next of doc.querySelectorAll('[data-live][id]')) {
    const now = document.getElementById(next.id);
    if (now) place(now, next);
  }
  if (anchor?.isConnected) {
    const moved = anchor.getBoundingClientRect().top - before;
    if (moved) window.scrollBy({ top: moved, behavior: 'instant' });
  }
  light(!broken && !!source);
}

const touchable = 'a, button, summary, input, select, textarea, tr[data-open]';

// underHand is what is about to be clicked, or has the focus.
function underHand() {
  const hover = [...document.querySelectorAll('main :is(' + touchable + '):hover')].pop();
  return hover || (document.activeElement?.closest('main') && document.activeElement !== document.getElementById('main') ? document.activeElement : null);
}

function handOn(region) {
  return region.contains(document.activeElement) || [...region.querySelectorAll(touchable)].some((x) => x.matches(':hover'));
}

function place(now, next) {
  if (now.isEqualNode(next)) return;
  if (now.hasAttribute('data-list')) list(now, next);
  else if (handOn(now)) held.set(now.id, next);
  else swap(now, next);
}

function release() {
  if (!held.size) return;
  setTimeout(() => {
    for (const [id, next] of held) {
      const now = document.getElementById(id);
      if (now && handOn(now)) continue;
      held.delete(id);
      if (now) swap(now, next);
    }
  }, 150);
}

// swap puts next in place of now; what was opened and scrolled stays so, and
// what has a new key is marked.
function swap(now, next) {
  next = document.adoptNode(next);
  const known = new Set([...now.querySelectorAll('[data-key]')].map((x) => x.dataset.key));
  const opened = [...now.querySelectorAll('details')].map((x) => x.open);
  next.querySelectorAll('details').forEach((x, i) => { if (opened[i]) x.open = true; });
  const scrolled = [...now.querySelectorAll('.scroll, .draw')].map((x) => [x.scrollLeft, x.scrollTop]);
  if (known.size) {
    for (const x of next.querySelectorAll('[data-key]')) if (!known.has(x.dataset.key)) x.classList.add('fresh');
  }
  now.replaceWith(next);
  next.querySelectorAll('.scroll, .draw').forEach((x, i) => { if (scrolled[i]) [x.scrollLeft, x.scrollTop] = scrolled[i]; });
}

const keysOf = (region) => [...region.querySelectorAll('tbody tr[data-key]')].map((r) => r.dataset.key);

// list brings a table up to date: rows that are there change where they stand;
// new ones come in at once, or wait for a click if a hand or the eye is on them.
function list(now, next) {
  if (now.querySelector('[data-pick]:checked')) return; // a hand is at work: what is ticked stays
  const old = keysOf(now), fresh = keysOf(next);
  const added = fresh.filter((k) => !old.includes(k));
  const same = old.length === fresh.length && !added.length && old.every((k, i) => k === fresh[i]);
  const reading = handOn(now) || now.matches(':hover') || now.getBoundingClientRect().top < -40;
  if (!old.length || (!same && !reading)) {
    swap(now, next);
    return;
  }
  for (const row of next.querySelectorAll('tbody tr[data-key]')) {
    const here = now.querySelector(`tbody tr[data-key="${CSS.escape(row.dataset.key)}"]`);
    if (!here || here.isEqualNode(row) || here.matches(':hover') || here.contains(document.activeElement)) continue;
    here.className = row.className;
    here.replaceChildren(...[...row.cloneNode(true).childNodes].map((n) => document.adoptNode(n)));
  }
  const count = now.querySelector('.cardh .cnt'), told = next.querySelector('.cardh .cnt');
  if (count && told) count.textContent = told.textContent;
  const line = now.querySelector('[data-fresh]');
  if (same || !line) return;
  if (!added.length) {
    held.set(now.id, next);
    return;
  }
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = say.dataset.wordsNew.replace('{0}', added.length);
  button.addEventListener('click', () => {
    const focus = now.contains(document.activeElement);
    swap(now, next);
    const there = document.getElementById(next.id);
    const first = there?.querySelector('tr.fresh');
    if (first && focus) { first.tabIndex = -1; first.focus(); }
  });
  line.replaceChildren(button);
  line.hidden = false;
  say.textContent = button.textContent;
}

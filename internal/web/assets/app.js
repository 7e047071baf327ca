// The console works without this file. It adds what a page cannot do alone:
// live updates, keys, copying, the reader's time zone and theme at once.
import { follow } from './live.js';
import { keys } from './keys.js';
import { clocks } from './clocks.js';
import { drafts } from './drafts.js';

const root = document.documentElement;
const say = document.getElementById('say');

function remember(name, value) {
  const secure = location.protocol === 'https:' ? ';secure' : '';
  document.cookie = `${name}=${encodeURIComponent(value)};path=/;max-age=31536000;samesite=lax${secure}`;
}

// The zone is told to the server, which draws all times; the first page of all
// was drawn before it knew.
try {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = document.cookie.includes('meneki_zone=');
  if (zone) remember('meneki_zone', zone);
  const get = performance.getEntriesByType('navigation')[0]?.type !== 'reload' && !document.querySelector('[aria-invalid=true]');
  if (zone && !told && zone !== root.dataset.zone && get && document.cookie.includes('meneki_zone=')) location.reload();
} catch { /* the console's own zone stays */ }

// A choice in the address has become a cookie; the address need not keep it.
const here = new URL(location.href);
if (here.searchParams.has('lang') || here.searchParams.has('theme')) {
  here.searchParams.delete('lang');
  here.searchParams.delete('theme');
  history.replaceState(history.state, '', here);
}

document.addEventListener('click', async (e) => {
  const theme = e.target.closest('[data-theme-set]');
  if (theme) {
    e.preventDefault();
    root.dataset.theme = theme.dataset.themeSet;
    remember('meneki_theme', theme.dataset.themeSet);
    for (const a of document.querySelectorAll('[data-theme-set]')) a.removeAttribute('aria-current');
    theme.setAttribute('aria-current', 'true');
    return;
  }
  const copy = e.target.closest('.copy');
  if (copy) {
    e.preventDefault();
    if (await toClipboard(copy.dataset.copy)) {
      copy.classList.add('done');
      say.textContent = say.dataset.wordsCopied;
      setTimeout(() => { copy.classList.remove('done'); say.textContent = ''; }, 1500);
    }
    return;
  }
  for (const d of document.querySelectorAll('.menu[open], .more[open]')) {
    if (!d.contains(e.target)) d.open = false;
  }
});

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // plain http: the old way
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'vh';
    document.body.append(area);
    area.select();
    const ok = document.execCommand('copy');
    area.remove();
    return ok;
  }
}

document.addEventListener('keydown', (e) => {
  if (e.key !== 'Escape') return;
  for (const d of document.querySelectorAll('.menu[open], .more[open]')) {
    d.open = false;
    d.querySelector('summary').focus();
  }
});

// A pasted list keeps its values apart in a field of one line.
document.addEventListener('paste', (e) => {
  const field = e.target;
  const text = e.clipboardData?.getData('text');
  if (!(field instanceof HTMLInputElement) || field.type !== 'search' || !text || !/[\r\n]/.test(text)) return;
  e.preventDefault();
  field.setRangeText(text.trim().replace(/\s*[\r\n]+\s*/g, ' '), field.selectionStart, field.selectionEnd, 'end');
  field.dispatchEvent(new Event('input', { bubbles: true }));
});

// A filter's choice counts at once.
document.addEventListener('change', (e) => {
  if (e.target.matches('.filter select')) e.target.form.requestSubmit();
});

root.classList.add('js');
clocks();
drafts();
keys();
follow();

// What was typed and not sent is there again when the reader comes back to the
// page, in this tab only: a console may be shared. It goes when it was sent, and
// all of it when nobody is signed in any more.
const key = (f) => `draft:${location.pathname}:${f.form?.getAttribute('action') ?? ''}:${f.name}`;

export function drafts() {
  try {
    if (!document.querySelector('.who')) {
      for (const k of Object.keys(sessionStorage)) if (k.startsWith('draft')) sessionStorage.removeItem(k);
      return;
    }
    const wrong = document.querySelector('.wrong, [aria-invalid=true]');
    if (!wrong) for (const k of JSON.parse(sessionStorage.getItem('draft-sent') ?? '[]')) sessionStorage.removeItem(k);
    sessionStorage.removeItem('draft-sent');
    for (const f of document.querySelectorAll('textarea[name]')) {
      const kept = sessionStorage.getItem(key(f));
      if (kept && !f.value) f.value = kept;
    }
  } catch { return; } // no storage: nothing is kept
  document.addEventListener('input', (e) => {
    const f = e.target;
    if (!(f instanceof HTMLTextAreaElement) || !f.name) return;
    try {
      if (f.value) sessionStorage.setItem(key(f), f.value);
      else sessionStorage.removeItem(key(f));
    } catch { /* full */ }
  });
  document.addEventListener('submit', (e) => {
    const list = [...e.target.querySelectorAll('textarea[name]')].map(key);
    try { sessionStorage.setItem('draft-sent', JSON.stringify(list)); } catch { /* full */ }
  });
}

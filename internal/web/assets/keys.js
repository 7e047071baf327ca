// The habits people bring: / searches, g and a letter goes, j and k move, x ticks,
// Enter opens, ? lists them. They can be switched off (WCAG 2.1.4).
const off = () => localStorage.getItem('meneki_keys') === 'off';

export function keys() {
  const dialog = document.getElementById('keys');
  const open = document.querySelector('[data-keys]');
  if (open) {
    open.hidden = false;
    open.addEventListener('click', () => dialog.showModal());
  }
  const box = dialog.querySelector('[data-keys-off]');
  if (box) {
    box.closest('label').hidden = false;
    box.checked = !off();
    box.addEventListener('change', () => localStorage.setItem('meneki_keys', box.checked ? 'on' : 'off'));
  }

  let going = 0; // when g was pressed
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented || dialog.open) return;
    const row = document.activeElement?.closest?.('tr[data-open]');
    if (e.key === 'Enter' && row && row === document.activeElement) {
      location.href = row.dataset.open;
      return;
    }
    if (off() || e.target.closest('input, textarea, select, [contenteditable]')) return;
    if (going && performance.now() - going < 1500) {
      going = 0;
      const to = /^[a-z0-9]$/.test(e.key) && document.querySelector(`.rail [data-go="${e.key}"]`);
      if (to) {
        e.preventDefault();
        location.href = to.href;
        return;
      }
    }
    going = 0;
    switch (e.key) {
      case '/': {
        const field = document.querySelector('[role=search] input');
        if (!field) return;
        e.preventDefault();
        field.focus();
        field.select();
        return;
      }
      case 'g': going = performance.now(); return;
      case '?': e.preventDefault(); dialog.showModal(); return;
      case 'x': {
        const box = row?.querySelector('[data-pick]');
        if (!box) return;
        e.preventDefault();
        box.checked = !box.checked;
        return;
      }
      case 'j': case 'k': move(e, e.key === 'j' ? 1 : -1);
    }
  });
}

function move(e, by) {
  const rows = [...document.querySelectorAll('tr[data-open]')];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement?.closest?.('tr[data-open]'));
  const to = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  e.preventDefault();
  to.tabIndex = -1;
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: 'nearest' });
}

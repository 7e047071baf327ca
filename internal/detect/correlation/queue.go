package correlation

import "github.com/meneki/meneki/sigma/correlate"

// Enqueue keeps alerts until they are written.
func (k *Correlator) Enqueue(alerts []*correlate.Alert) { k.EnqueueFor("", alerts) }

// EnqueueFor is Enqueue for those of a correlation that came as an indicator.
func (k *Correlator) EnqueueFor(indicator string, alerts []*correlate.Alert) {
	if len(alerts) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range alerts {
		if a.Rule.Silent {
			continue
		}
		k.pending = append(k.pending, a)
		if indicator != "" {
			k.from[a] = indicator
		}
	}
}

// SharedBy returns the indicator that a pending alert is of; "" for one of our
// own correlations.
func (k *Correlator) SharedBy(a *correlate.Alert) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.from[a]
}

// Pending returns the alerts that are not written yet.
func (k *Correlator) Pending() []*correlate.Alert {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]*correlate.Alert(nil), k.pending...)
}

// Flush drops pending alerts: they are written.
func (k *Correlator) Flush(alerts []*correlate.Alert) {
	if len(alerts) == 0 {
		return
	}
	done := make(map[*correlate.Alert]bool, len(alerts))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range alerts {
		done[a] = true
		delete(k.from, a)
	}
	left := k.pending[:0]
	for _, a := range k.pending {
		if !done[a] {
			left = append(left, a)
		}
	}
	clear(k.pending[len(left):])
	k.pending = left
}

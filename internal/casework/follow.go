package casework

import (
	"context"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// OnAssessed takes a case's severity, unless a later one was taken before it.
func (s *Service) OnAssessed(tx *store.Tx, ev msg.Assessed) error {
	tx.AfterCommitOnce(s, s.notify)
	list, err := store.Query[Case](tx, `SELECT `+caseColumns+` FROM cases c WHERE c.id = $1 AND SCOPE(c)`, ev.Case)
	if err != nil || len(list) == 0 {
		return err
	}
	c := list[0]
	if ev.Rev <= c.Assessed {
		return nil
	}
	c.Assessed = ev.Rev
	same := c.Severity == ev.Likely && c.Lowest == ev.Lowest && c.Highest == ev.Most
	c.Severity, c.Lowest, c.Highest, c.Updated = ev.Likely, ev.Lowest, ev.Most, tx.Now()
	if err := s.store(tx, c); err != nil || same {
		return err
	}
	return s.entry(tx, c.ID, Entry{Kind: "severity", Class: Coordination, At: ev.At, Handling: c.Handling},
		saysSeverity, strconv.Itoa(ev.Likely), strconv.Itoa(ev.Lowest), strconv.Itoa(ev.Most))
}

// OnIndicator notes that an indicator was taken out of a case; what matches it
// from now on belongs to the case. If it is marked anew, so is the note.
func (s *Service) OnIndicator(tx *store.Tx, ev msg.IndicatorChanged) error {
	if ev.Case == "" || !ev.Made && !ev.Pushed.IsZero() {
		return nil
	}
	tx.AfterCommitOnce(s, s.notify)
	c, err := store.One[Case](tx, `SELECT `+caseColumns+` FROM cases c WHERE c.id = $1 AND SCOPE(c)`, ev.Case)
	if err != nil {
		return err
	}
	h := s.within(tx.Context(), c.Handling.Audience, ev.Handling)
	if !ev.Made {
		_, err := tx.Exec(`UPDATE case_entry SET tlp = $1, owner = $2, audience = $3 WHERE case_id = $4
			AND kind = 'indicator' AND subject = $5 AND SCOPE(case_entry)`,
			int(h.TLP), h.Owner, h.Audience.Column(), c.ID, ev.Indicator)
		return err
	}
	if _, err := tx.Exec(`INSERT INTO case_key (name, case_id, at) VALUES ($1,$2,$3) ON CONFLICT (name, case_id)
		DO UPDATE SET at = excluded.at`, "indicator:"+ev.Indicator, ev.Case, clock.Micros(tx.Now())); err != nil {
		return err
	}
	return s.entry(tx, c.ID, Entry{Kind: "indicator", Class: Technical, Subject: ev.Indicator, At: ev.At, Handling: h},
		saysIndicator, strconv.Itoa(ev.Entitled))
}

// within is how a note of a case about an indicator is handled: it is for those
// of the case's parties that may see the indicator, or its time would tell the
// others that there is one.
func (s *Service) within(ctx context.Context, parties policy.Audience, of policy.Handling) policy.Handling {
	h := policy.Handling{TLP: policy.Strictest(policy.AmberStrict, of.TLP)}
	if h.TLP == policy.Red {
		h.Owner, h.Audience = of.Owner, of.Audience
		return h
	}
	for _, t := range parties {
		id, ok := strings.CutPrefix(t, policy.ToMember(""))
		if ok && policy.MaySee(s.people.Node(ctx, id), of) {
			h.Audience = append(h.Audience, t)
		}
	}
	return h
}

// OnSighting notes that a member saw an indicator that came out of a case, once for
// each sighting, however often its count grows.
func (s *Service) OnSighting(tx *store.Tx, ev msg.Sighting) error {
	if ev.Case == "" {
		return nil
	}
	id := "sighting/" + ev.ID
	had, err := store.One[int64](tx, `SELECT count(*) FROM case_entry e WHERE e.id = $1 AND SCOPE(e)`, id)
	if err != nil || had > 0 {
		return err
	}
	tx.AfterCommitOnce(s, s.notify)
	says, args := saysSighting, []string{strconv.Itoa(ev.Count)}
	if ev.Retro {
		says, args = saysRetroSighting, append(args, ev.First.Format("2006-01-02"))
	}
	return s.entry(tx, ev.Case, Entry{ID: id, Kind: "sighting", Class: Victim, Member: ev.Member, Subject: ev.Indicator,
		At:       ev.At,
		Handling: ev.Handling}, says, args...)
}

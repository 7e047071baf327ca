package demo

import (
	"log/slog"

	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// tellUnread says what of recorded events was not read, and why.
func tellUnread(log *slog.Logger, rep read.Report) {
	for _, b := range rep.Bad {
		log.Warn("a record was refused", slog.String("file", b.Name), slog.Int64("record", b.Record),
			slog.Int64("offset", b.Offset), slog.String("reason", b.Reason.EN))
	}
	if more := rep.BadN - int64(len(rep.Bad)); more > 0 {
		log.Warn("more records were refused", slog.Int64("records", more))
	}
	for _, b := range rep.Garbled {
		log.Warn("a record is not UTF-8", slog.String("file", b.Name), slog.Int64("record", b.Record),
			slog.Int64("offset", b.Offset), slog.String("reason", b.Reason.EN))
	}
	for _, s := range rep.Skipped {
		log.Info("a file is not read", slog.String("file", s.Name), slog.String("reason", s.Reason.EN))
	}
}

// unread is the fault of recordings that held no event at all, for a reason
// that is known; nil if there was none.
func unread(rep read.Report) error {
	where, why := "", i18n.Text{}
	switch {
	case rep.Events > 0:
		return nil
	case len(rep.Skipped) > 0:
		where, why = rep.Skipped[0].Name, rep.Skipped[0].Reason
	case len(rep.Bad) > 0:
		where, why = rep.Bad[0].Name, rep.Bad[0].Reason
	default:
		return nil
	}
	return fault.New(fault.Unsupported,
		i18n.T("no event could be read: {0}: {1} (files left out: {2}, records refused: {3})",
			"読み取れる事象がありません：{0}：{1}（対象外のファイル {2} 件、拒否した記録 {3} 件）").With(where, why, rep.SkipN, rep.BadN)).
		WithHint(i18n.T("give events as EVTX, JSON lines, syslog or Zeek logs; convert pcap and CSV first",
			"事象は EVTX、JSON Lines、syslog、Zeek のログで指定してください。pcap、CSV は先に変換してください"))
}

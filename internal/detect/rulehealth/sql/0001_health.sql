CREATE TABLE rule_hits (
  rule  TEXT NOT NULL,
  day   BIGINT NOT NULL,
  live  BIGINT NOT NULL,
  retro BIGINT NOT NULL,
  muted BIGINT NOT NULL,
  PRIMARY KEY (rule, day)
);
CREATE INDEX rule_hit_day ON rule_hits (day);

CREATE TABLE rule_false_alarms (
  id        TEXT PRIMARY KEY,
  rule      TEXT NOT NULL,
  finding   TEXT NOT NULL,
  reason    TEXT NOT NULL,
  by_user   TEXT NOT NULL,
  at        BIGINT NOT NULL,
  undone    BIGINT NOT NULL,
  undone_by TEXT NOT NULL
);
CREATE INDEX rule_false_alarm_rule ON rule_false_alarms (rule, at);
CREATE INDEX rule_false_alarm_finding ON rule_false_alarms (finding);

CREATE TABLE rule_quarantine (
  rule        TEXT PRIMARY KEY,
  title       TEXT NOT NULL,
  why         TEXT NOT NULL,
  measured    BIGINT NOT NULL,
  ceiling     BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  by_user     TEXT NOT NULL,
  released    BIGINT NOT NULL,
  released_by TEXT NOT NULL
);

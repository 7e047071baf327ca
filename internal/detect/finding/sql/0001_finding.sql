CREATE TABLE findings (
  id          TEXT PRIMARY KEY,
  version     INTEGER NOT NULL,
  member      TEXT NOT NULL,
  realm       TEXT NOT NULL,
  rule        TEXT NOT NULL,
  title       TEXT NOT NULL,
  level       TEXT NOT NULL,
  rank        INTEGER NOT NULL,
  indicator   TEXT NOT NULL,
  host        TEXT NOT NULL,
  first       BIGINT NOT NULL,
  last        BIGINT NOT NULL,
  count       INTEGER NOT NULL,
  retro       BOOLEAN NOT NULL,
  detected    BIGINT NOT NULL,
  arrived     BIGINT NOT NULL,
  words       TEXT NOT NULL,
  body        TEXT NOT NULL,
  tlp         INTEGER NOT NULL,
  owner       TEXT NOT NULL,
  audience    TEXT NOT NULL
);
CREATE INDEX finding_arrived ON findings (arrived, id);
CREATE INDEX finding_rank ON findings (rank, arrived, id);
CREATE INDEX finding_member ON findings (member, arrived);
CREATE INDEX finding_rule ON findings (rule, arrived);
CREATE INDEX finding_indicator ON findings (indicator);

CREATE TABLE finding_event (
  finding  TEXT NOT NULL,
  rule     TEXT NOT NULL,
  event    TEXT NOT NULL,
  at       BIGINT NOT NULL,
  name     TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (rule, event)
);
CREATE INDEX finding_event_finding ON finding_event (finding, at);

CREATE TABLE finding_offer (
  finding TEXT NOT NULL,
  value   TEXT NOT NULL,
  why     TEXT NOT NULL,
  offered BOOLEAN NOT NULL,
  PRIMARY KEY (finding, value)
);

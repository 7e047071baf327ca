CREATE TABLE cases (
  id        TEXT PRIMARY KEY,
  number    TEXT NOT NULL UNIQUE,
  title     TEXT NOT NULL,
  state     TEXT NOT NULL,
  realm     TEXT NOT NULL,
  level     TEXT NOT NULL,
  sectors   TEXT NOT NULL,
  tactics   TEXT NOT NULL,
  members   INTEGER NOT NULL,
  findings  INTEGER NOT NULL,
  severity  INTEGER NOT NULL,
  lowest    INTEGER NOT NULL,
  highest   INTEGER NOT NULL,
  assessed  INTEGER NOT NULL,
  opened    BIGINT NOT NULL,
  updated   BIGINT NOT NULL,
  closed    BIGINT NOT NULL,
  sensed    BIGINT NOT NULL,
  words     TEXT NOT NULL,
  tlp       INTEGER NOT NULL,
  owner     TEXT NOT NULL,
  audience  TEXT NOT NULL
);
CREATE INDEX case_updated ON cases (updated, id);

CREATE TABLE case_finding (
  finding  TEXT PRIMARY KEY,
  case_id  TEXT NOT NULL,
  member   TEXT NOT NULL,
  title    TEXT NOT NULL,
  words    TEXT NOT NULL,
  level    TEXT NOT NULL,
  rule     TEXT NOT NULL,
  host     TEXT NOT NULL,
  count    INTEGER NOT NULL,
  retro    BOOLEAN NOT NULL,
  why      TEXT NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX case_finding_case ON case_finding (case_id, at);
CREATE INDEX case_finding_member ON case_finding (case_id, member);

CREATE TABLE case_key (
  name     TEXT NOT NULL,
  case_id  TEXT NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (name, case_id)
);

CREATE TABLE case_entry (
  id       TEXT PRIMARY KEY,
  case_id  TEXT NOT NULL,
  at       BIGINT NOT NULL,
  kind     TEXT NOT NULL,
  class    TEXT NOT NULL,
  member   TEXT NOT NULL,
  by_user  TEXT NOT NULL,
  subject  TEXT NOT NULL,
  says     TEXT NOT NULL,
  args     TEXT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX case_entry_case ON case_entry (case_id, at, id);

CREATE TABLE case_number (
  year INTEGER PRIMARY KEY,
  last INTEGER NOT NULL
);

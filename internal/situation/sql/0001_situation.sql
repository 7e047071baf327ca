CREATE TABLE cycle (
  id      TEXT PRIMARY KEY,
  number  TEXT NOT NULL,
  realm   TEXT NOT NULL,
  sensed  BIGINT NOT NULL,
  opened  BIGINT NOT NULL
);
CREATE INDEX cycle_opened ON cycle (opened);

CREATE TABLE cycle_step (
  cycle   TEXT NOT NULL,
  name    TEXT NOT NULL,
  subject TEXT NOT NULL,
  member  TEXT NOT NULL,
  at      BIGINT NOT NULL,
  n       BIGINT NOT NULL,
  PRIMARY KEY (cycle, name, subject, member)
);

CREATE TABLE cycle_subject (
  subject TEXT PRIMARY KEY,
  cycle   TEXT NOT NULL
);

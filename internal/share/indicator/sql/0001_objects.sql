CREATE TABLE objects (
  id          TEXT PRIMARY KEY,
  modified    BIGINT NOT NULL,
  realm       TEXT NOT NULL,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  value       TEXT NOT NULL,
  level       TEXT NOT NULL,
  body        TEXT NOT NULL,
  valid_until BIGINT NOT NULL,
  confidence  INTEGER NOT NULL,
  case_id     TEXT NOT NULL,
  finding     TEXT NOT NULL,
  made        BIGINT NOT NULL,
  sensed      BIGINT NOT NULL,
  withdrawn   BIGINT NOT NULL,
  state       TEXT NOT NULL,
  hunted      BOOLEAN NOT NULL,
  halted      BOOLEAN NOT NULL DEFAULT FALSE,
  hits        BIGINT NOT NULL,
  searched    BIGINT NOT NULL DEFAULT 0,
  batch       TEXT NOT NULL DEFAULT '',
  words       TEXT NOT NULL,
  tlp         INTEGER NOT NULL,
  owner       TEXT NOT NULL,
  audience    TEXT NOT NULL
);
CREATE INDEX indicator_made ON objects (made, id);
CREATE INDEX indicator_value ON objects (kind, value);
CREATE INDEX indicator_case ON objects (case_id);
CREATE INDEX indicator_batch ON objects (batch);

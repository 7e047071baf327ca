CREATE TABLE assessment (
  id            TEXT PRIMARY KEY,
  case_id       TEXT NOT NULL,
  realm         TEXT NOT NULL,
  scale         TEXT NOT NULL,
  scale_version BIGINT NOT NULL,
  scale_hash    TEXT NOT NULL,
  rev           BIGINT NOT NULL,
  inputs        TEXT NOT NULL,
  lowest        BIGINT NOT NULL,
  likely        BIGINT NOT NULL,
  highest       BIGINT NOT NULL,
  score         DOUBLE PRECISION NOT NULL,
  ask           TEXT NOT NULL,
  outlook       TEXT NOT NULL,
  by_user       TEXT NOT NULL,
  automatic     BOOLEAN NOT NULL,
  at            BIGINT NOT NULL,
  supersedes    TEXT NOT NULL,
  tlp           INTEGER NOT NULL,
  owner         TEXT NOT NULL,
  audience      TEXT NOT NULL
);
CREATE UNIQUE INDEX assessment_case ON assessment (case_id, scale, rev);

-- What became of objects that a client added, for a day and a bit.
CREATE TABLE taxii_status (
  id     TEXT PRIMARY KEY,
  caller TEXT NOT NULL,
  at     BIGINT NOT NULL,
  body   TEXT NOT NULL
);
CREATE INDEX taxii_status_at ON taxii_status (at);

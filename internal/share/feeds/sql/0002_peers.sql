-- Servers of others that a hub sends to over TAXII. Its own business, as its sources are.
CREATE TABLE share_peer (
  id        TEXT PRIMARY KEY,
  name      TEXT NOT NULL UNIQUE,
  address   TEXT NOT NULL,    -- of the collection
  login     TEXT NOT NULL,
  secret    TEXT NOT NULL,
  most      INTEGER NOT NULL, -- the strictest TLP label that goes out
  types     TEXT NOT NULL,    -- of objects, by commas; '' is all
  paused    BOOLEAN NOT NULL,
  place     BIGINT NOT NULL,  -- position up to which everything was sent
  due       BIGINT NOT NULL,
  tried     BIGINT NOT NULL,
  succeeded BIGINT NOT NULL,
  failures  BIGINT NOT NULL,
  error     TEXT NOT NULL,
  sent      BIGINT NOT NULL,
  refused   BIGINT NOT NULL,
  notes     TEXT NOT NULL,
  made_by   TEXT NOT NULL
);

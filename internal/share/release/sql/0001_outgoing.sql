CREATE TABLE outgoing (
  kind     TEXT NOT NULL,
  id       TEXT NOT NULL,
  rev      INTEGER NOT NULL,
  state    TEXT NOT NULL,
  level    TEXT NOT NULL,
  title    TEXT NOT NULL,
  body     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  decided  BIGINT NOT NULL,
  by_user  TEXT NOT NULL,
  sent     BIGINT NOT NULL,
  reason   TEXT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  -- The least strict label that a message may be sent with: that of what a third party
  -- gave the member, and that the message is known by. 0 is none.
  floor    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, id)
);
CREATE INDEX outgoing_state ON outgoing (state, at);

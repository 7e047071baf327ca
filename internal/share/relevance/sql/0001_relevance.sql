-- What matters to a member, for its own people alone.
CREATE TABLE relevance_profile (
  member   TEXT PRIMARY KEY,
  body     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);

CREATE TABLE relevance_query (
  id       TEXT PRIMARY KEY,
  member   TEXT NOT NULL,
  body     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX relevance_query_member ON relevance_query (member, at);

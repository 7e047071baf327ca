CREATE TABLE progress (
  object   TEXT NOT NULL,
  member   TEXT NOT NULL,
  modified BIGINT NOT NULL,
  state    TEXT NOT NULL,
  armed    BIGINT NOT NULL,
  hunted   BIGINT NOT NULL,
  searched BIGINT NOT NULL,
  hits     BIGINT NOT NULL,
  reason   TEXT NOT NULL,
  PRIMARY KEY (object, member)
);

CREATE TABLE sightings (
  id       TEXT PRIMARY KEY,
  object   TEXT NOT NULL,
  member   TEXT NOT NULL,
  count    INTEGER NOT NULL,
  first    BIGINT NOT NULL,
  last     BIGINT NOT NULL,
  retro    BOOLEAN NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX sighting_object ON sightings (object, at);

CREATE TABLE candidates (
  id       TEXT PRIMARY KEY,
  finding  TEXT NOT NULL,
  member   TEXT NOT NULL,
  body     TEXT NOT NULL,
  object   TEXT NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX candidate_finding ON candidates (finding);

CREATE TABLE candidate_case (
  finding TEXT PRIMARY KEY,
  case_id TEXT NOT NULL
);

-- What members said of all that a reply brought them, between two positions.
CREATE TABLE progress_range (
  member     TEXT NOT NULL,
  era        TEXT NOT NULL,    -- see feed.Feed
  upto       BIGINT NOT NULL,
  after_seq  BIGINT NOT NULL,
  armed      BIGINT NOT NULL,
  hunted     BIGINT NOT NULL,
  searched   BIGINT NOT NULL,
  undisclosed BOOLEAN NOT NULL,
  PRIMARY KEY (member, era, upto)
);

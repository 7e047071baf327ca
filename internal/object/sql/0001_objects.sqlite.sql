-- The latest version of each object that somebody gave, as it was given. Two who gave
-- objects of one id have a row each: what one may not see of the other does not show.
CREATE TABLE stix_object (
  n        INTEGER PRIMARY KEY, -- the position of its first version
  realm    TEXT NOT NULL,
  id       TEXT NOT NULL,       -- STIX id
  seq      BIGINT NOT NULL,     -- position in the order of the commits: a time in µs that no two have
  stream   INTEGER NOT NULL,
  modified BIGINT NOT NULL,     -- µs, of the version; of an object without versions, when it came
  version  TEXT NOT NULL,       -- the same as it is written
  flags    INTEGER NOT NULL,    -- see Flags
  body     BLOB NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  UNIQUE (realm, id, owner)
);
CREATE INDEX object_place ON stix_object (stream, seq);
CREATE UNIQUE INDEX object_seq ON stix_object (seq);

-- The versions before it.
CREATE TABLE stix_object_old (
  n        BIGINT NOT NULL,
  realm    TEXT NOT NULL,
  id       TEXT NOT NULL,
  seq      BIGINT NOT NULL,
  stream   INTEGER NOT NULL,
  modified BIGINT NOT NULL,
  version  TEXT NOT NULL,
  flags    INTEGER NOT NULL,
  body     BLOB NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  PRIMARY KEY (n, modified)
) WITHOUT ROWID;
CREATE INDEX object_old_place ON stix_object_old (stream, seq);
CREATE INDEX object_old_id ON stix_object_old (realm, id);

-- Objects that the same viewers may see, of one type in one realm. How many there are
-- is kept, so that counts and pages cost no more where there are millions of others.
CREATE TABLE object_stream (
  stream INTEGER PRIMARY KEY,
  realm  TEXT NOT NULL,
  type   TEXT NOT NULL,
  reach  TEXT NOT NULL, -- who may see them, see reach
  heads  BIGINT NOT NULL,
  old    BIGINT NOT NULL,
  UNIQUE (realm, type, reach)
);

-- The last position that was given. One row.
CREATE TABLE object_position (seq BIGINT NOT NULL);
INSERT INTO object_position VALUES (0);

-- Who refers to whom: the objects whose latest version names an object by its id.
CREATE TABLE object_reference (
  target BIGINT NOT NULL, -- hash of the id
  n      BIGINT NOT NULL,
  PRIMARY KEY (target, n)
) WITHOUT ROWID;
CREATE INDEX object_reference_n ON object_reference (n);

-- What observables an object is about.
CREATE TABLE object_value (
  value BIGINT NOT NULL, -- hash of type and value
  n     BIGINT NOT NULL,
  PRIMARY KEY (value, n)
) WITHOUT ROWID;
CREATE INDEX object_value_n ON object_value (n);

-- Who gave a version, and when first.
CREATE TABLE object_source (
  n        BIGINT NOT NULL,
  source   TEXT NOT NULL,
  modified BIGINT NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (n, source, modified)
) WITHOUT ROWID;

-- What some viewers may not see any more. Who was at a position before gone, and could
-- see the stream, is told.
CREATE TABLE object_recall (
  seq    BIGINT PRIMARY KEY,
  n      BIGINT NOT NULL,
  realm  TEXT NOT NULL,
  id     TEXT NOT NULL,
  stream INTEGER NOT NULL, -- that it was in
  was    BIGINT NOT NULL   -- its position there
);
CREATE INDEX object_recall_place ON object_recall (stream, seq);
CREATE INDEX object_recall_id ON object_recall (id);

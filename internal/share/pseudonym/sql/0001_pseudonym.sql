-- Who gave what is under a pseudonym: RED of the giver, for its people and the hub's
-- coordinators. The object itself is the hub's.
CREATE TABLE pseudonym_object (
  object   TEXT PRIMARY KEY,
  label    TEXT NOT NULL,   -- what the object is called
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX pseudonym_object_owner ON pseudonym_object (owner, at);

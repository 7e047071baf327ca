-- What members gave, each object once.
CREATE TABLE contribution_gift (
  object   TEXT PRIMARY KEY,
  giver    TEXT NOT NULL,
  kind     TEXT NOT NULL,
  value    TEXT NOT NULL,
  name     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  warned   BOOLEAN NOT NULL,
  told     INTEGER NOT NULL,   -- members that saw it and keep that to themselves, as far as the giver was told
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX contribution_gift_giver ON contribution_gift (giver, at);
CREATE INDEX contribution_gift_value ON contribution_gift (kind, value);

-- Who says that it saw them.
CREATE TABLE contribution_seen (
  id       TEXT PRIMARY KEY,
  object   TEXT NOT NULL,
  member   TEXT NOT NULL,
  retro    BOOLEAN NOT NULL,
  at       BIGINT NOT NULL,
  received BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX contribution_seen_object ON contribution_seen (object);
CREATE INDEX contribution_seen_received ON contribution_seen (received);

-- Who says that one is a false positive, and what the coordinators decided.
CREATE TABLE contribution_mark (
  id         TEXT PRIMARY KEY,
  object     TEXT NOT NULL,
  member     TEXT NOT NULL,
  by_user    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  at         BIGINT NOT NULL,
  state      TEXT NOT NULL,    -- open, upheld, declined, undone
  decided    BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  tlp        INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  audience   TEXT NOT NULL
);
CREATE INDEX contribution_mark_object ON contribution_mark (object);
CREATE INDEX contribution_mark_state ON contribution_mark (state, at);

-- What members are told of the confirmations that are kept from them: points that stand on at
-- least three members, and that change only when three have changed.
CREATE TABLE contribution_edition (
  member   TEXT PRIMARY KEY,
  points   BIGINT NOT NULL,
  members  INTEGER NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);

-- What each of these was made of; nobody is shown it.
CREATE TABLE contribution_basis (
  member    TEXT NOT NULL,
  confirmer TEXT NOT NULL,
  print     BIGINT NOT NULL,
  tlp       INTEGER NOT NULL,
  owner     TEXT NOT NULL,
  audience  TEXT NOT NULL,
  PRIMARY KEY (member, confirmer)
);

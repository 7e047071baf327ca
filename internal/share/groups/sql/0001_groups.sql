-- Trust groups. A group's row is for those who are in it and for the hub's people: it is
-- AMBER of its lead, to the group itself.
CREATE TABLE trust_group (
  id       TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  purpose  TEXT NOT NULL,
  admits   TEXT NOT NULL,   -- lead, all: who lets an organisation in
  made     BIGINT NOT NULL,
  closed   BIGINT NOT NULL, -- 0 while it is open
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,   -- member that leads it; empty: the hub
  audience TEXT NOT NULL
);

-- Who is in a group. What decides is the member's own row, see identity.EnterGroup; this is
-- since when.
CREATE TABLE trust_group_seat (
  group_id  TEXT NOT NULL,
  member_id TEXT NOT NULL,
  since     BIGINT NOT NULL,
  PRIMARY KEY (group_id, member_id)
);
CREATE INDEX trust_group_seat_member ON trust_group_seat (member_id);

-- Invitations. They are to a name as it was typed, so that no answer tells whether there is
-- a member of that name.
CREATE TABLE trust_group_invite (
  id        TEXT PRIMARY KEY,
  group_id  TEXT NOT NULL,
  name      TEXT NOT NULL,
  folded    TEXT NOT NULL,
  by_member TEXT NOT NULL,
  by_name   TEXT NOT NULL,  -- the person
  made      BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  state     TEXT NOT NULL,  -- asked, open, accepted, declined, refused, ended
  agreed    TEXT NOT NULL   -- members of the group that agreed, as policy.Groups writes ids
);
CREATE INDEX trust_group_invite_folded ON trust_group_invite (folded);
CREATE INDEX trust_group_invite_group ON trust_group_invite (group_id);

-- What happened in a group.
CREATE TABLE trust_group_log (
  id       TEXT PRIMARY KEY,
  group_id TEXT NOT NULL,
  at       BIGINT NOT NULL,
  by_member TEXT NOT NULL,
  by_name  TEXT NOT NULL,
  act      TEXT NOT NULL,
  about    TEXT NOT NULL    -- a member's id, or a name as it was typed
);
CREATE INDEX trust_group_log_group ON trust_group_log (group_id, at);

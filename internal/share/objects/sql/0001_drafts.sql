-- What somebody pastes to share, until it is shared and after. It is its writer's alone.
CREATE TABLE share_draft (
  id      TEXT PRIMARY KEY,
  writer  TEXT NOT NULL,   -- user id
  member  TEXT NOT NULL,   -- their organisation; empty: the hub
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  text    TEXT NOT NULL,   -- as it was pasted
  name    TEXT NOT NULL,   -- of the file that it came from
  body    TEXT NOT NULL,   -- JSON: see Draft
  report  TEXT NOT NULL    -- id of the report that it became; empty until then
);
CREATE INDEX share_draft_writer ON share_draft (writer, updated);

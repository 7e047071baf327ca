-- To whom digests go, and until when each has been told. For the member's own people alone.
CREATE TABLE digest (
  member   TEXT PRIMARY KEY,
  body     TEXT NOT NULL,
  told     BIGINT NOT NULL, -- digests have what came until then
  urgent   BIGINT NOT NULL, -- urgent mails have what came until then
  failed   TEXT NOT NULL,   -- why the last one was not taken; empty: it was
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);

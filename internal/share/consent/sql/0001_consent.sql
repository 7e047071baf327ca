-- What a member asks the hub's analysts, for them and for itself alone.
CREATE TABLE consultation (
  id       TEXT PRIMARY KEY,
  title    TEXT NOT NULL,
  text     TEXT NOT NULL,
  object   TEXT NOT NULL,   -- what it is about; may be empty
  person   TEXT NOT NULL,   -- who asks
  made     BIGINT NOT NULL,
  closed   BIGINT NOT NULL, -- 0 while it is open
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);

-- What was said in it.
CREATE TABLE consultation_word (
  id     TEXT PRIMARY KEY,
  about  TEXT NOT NULL, -- the consultation
  at     BIGINT NOT NULL,
  member TEXT NOT NULL, -- empty: the hub
  person TEXT NOT NULL,
  text   TEXT NOT NULL
);
CREATE INDEX consultation_word_of ON consultation_word (about, at);

-- The hub asks who gave an object whether others may see it. For the giver and the hub.
CREATE TABLE consent (
  id       TEXT PRIMARY KEY,
  object   TEXT NOT NULL,
  why      TEXT NOT NULL,
  had      TEXT NOT NULL,   -- its handling then, as JSON
  asked    TEXT NOT NULL,   -- the handling that is asked for, as JSON
  granted  TEXT NOT NULL,   -- that was granted, as JSON
  person   TEXT NOT NULL,   -- who asks
  made     BIGINT NOT NULL,
  deadline BIGINT NOT NULL,
  state    TEXT NOT NULL,   -- asked, granted, refused, withdrawn, retracted
  answerer TEXT NOT NULL,
  answered BIGINT NOT NULL,
  note     TEXT NOT NULL,   -- what the answerer said
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL
);
CREATE INDEX consent_object ON consent (object);

-- What the hub did by itself, and what a person undid.
CREATE TABLE decay_step (
  id       TEXT PRIMARY KEY,
  object   TEXT NOT NULL,
  at       BIGINT NOT NULL,
  why      TEXT NOT NULL,   -- faded, seen
  score    INTEGER NOT NULL,
  was      BIGINT NOT NULL, -- until when it held
  until    BIGINT NOT NULL, -- until when it holds since
  undone   BIGINT NOT NULL,
  by_user  TEXT NOT NULL
);
CREATE INDEX decay_step_object ON decay_step (object, at);

-- What a person wants left as it is.
CREATE TABLE decay_kept (
  object TEXT PRIMARY KEY,
  at     BIGINT NOT NULL
);

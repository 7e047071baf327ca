-- Sources of threat information that a hub reads by address and schedule. They are the hub's own
-- business: nobody but its people reads these tables, so they carry no handling.
CREATE TABLE share_feed (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL,    -- list, taxii, misp, csaf
  address    TEXT NOT NULL,
  collection TEXT NOT NULL,    -- of a TAXII server
  format     TEXT NOT NULL,    -- '' tells it by the content
  columns    TEXT NOT NULL,    -- value=2;type=1
  type       TEXT NOT NULL,    -- of values that state none
  login      TEXT NOT NULL,
  secret     TEXT NOT NULL,
  label      INTEGER NOT NULL, -- TLP of what states none, and the least of what states one
  every      BIGINT NOT NULL,  -- seconds
  complete   BOOLEAN NOT NULL, -- what is not in it any more has ended
  paused     BOOLEAN NOT NULL,
  held       TEXT NOT NULL,    -- why a person is asked, as JSON; '' if nobody is
  etag       TEXT NOT NULL,
  changed    TEXT NOT NULL,    -- Last-Modified, as it was said
  place      TEXT NOT NULL,    -- how far a collection or a folder was read, as JSON
  due        BIGINT NOT NULL,
  tried      BIGINT NOT NULL,
  succeeded  BIGINT NOT NULL,
  failures   BIGINT NOT NULL,  -- since it last succeeded
  error      TEXT NOT NULL,    -- as JSON
  told       TEXT NOT NULL,    -- the format that it was taken for
  records    BIGINT NOT NULL,  -- of the last reading
  taken      BIGINT NOT NULL,
  refused    BIGINT NOT NULL,
  silent     BIGINT NOT NULL,
  notes      TEXT NOT NULL,    -- of the last reading, as JSON
  created    BIGINT NOT NULL,
  made_by    TEXT NOT NULL
);

-- What each of them has said: so that only what changed is written, and what is gone ends.
CREATE TABLE share_feed_row (
  feed    TEXT NOT NULL,
  id      TEXT NOT NULL,   -- of the object
  hash    TEXT NOT NULL,   -- of its content without times
  created BIGINT NOT NULL,
  ended   BIGINT NOT NULL, -- 0: it is in the feed
  PRIMARY KEY (feed, id)
);

-- Replies of the hub whose objects have one receipt together.
CREATE TABLE inbox_page (
  upto      TEXT PRIMARY KEY, -- cursor behind it
  came_from TEXT NOT NULL,    -- cursor that it follows on
  told      BOOLEAN NOT NULL  -- the hub was told that the past was searched for all of it
);

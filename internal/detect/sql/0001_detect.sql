CREATE TABLE file_position (
  name TEXT PRIMARY KEY,
  mark TEXT NOT NULL
);

-- The words of the latest version of each object, with marks for its stream, its giver,
-- its labels and its techniques (see text.go), by the version's position.
CREATE TABLE object_text (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL);
CREATE INDEX object_text_words ON object_text USING gin (words);

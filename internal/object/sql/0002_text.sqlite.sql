-- The words of the latest version of each object, with marks for its stream, its giver,
-- its labels and its techniques (see text.go). The rowid is the version's position, so that
-- what is found comes the newest first without being sorted.
CREATE VIRTUAL TABLE object_text USING fts5(words, content='', contentless_delete=1, tokenize='ascii');

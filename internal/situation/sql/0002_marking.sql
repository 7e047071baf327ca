-- How an indicator is marked: its steps are for those who may see it. What was
-- there before gets no label, which is for named persons only.
ALTER TABLE cycle_subject ADD COLUMN tlp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cycle_subject ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE cycle_subject ADD COLUMN audience TEXT NOT NULL DEFAULT '';

CREATE TABLE rule_reports (
  figure   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  member   TEXT NOT NULL,
  value    INTEGER NOT NULL,
  at       BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  PRIMARY KEY (figure, subject, member)
);
CREATE INDEX rule_report_member ON rule_reports (member);

CREATE TABLE rule_basis (
  figure   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  member   TEXT NOT NULL,
  value    INTEGER NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  PRIMARY KEY (figure, subject, member)
);

CREATE TABLE rule_pool (
  figure   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  members  INTEGER NOT NULL,
  typical  INTEGER NOT NULL,
  day      BIGINT NOT NULL,
  tlp      INTEGER NOT NULL,
  owner    TEXT NOT NULL,
  audience TEXT NOT NULL,
  PRIMARY KEY (figure, subject)
);

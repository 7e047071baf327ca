CREATE TABLE member_domain (
  member TEXT NOT NULL,
  domain TEXT NOT NULL,
  PRIMARY KEY (member, domain)
);

CREATE TABLE member_status (
  member     TEXT PRIMARY KEY,
  at         BIGINT NOT NULL,
  version    TEXT NOT NULL,
  rules      BIGINT NOT NULL,
  indicators BIGINT NOT NULL,
  events     BIGINT NOT NULL,
  delivered  BIGINT NOT NULL,
  waiting    BIGINT NOT NULL
);

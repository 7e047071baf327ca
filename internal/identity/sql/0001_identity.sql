CREATE TABLE member (
	id         TEXT NOT NULL PRIMARY KEY,
	name       TEXT NOT NULL,
	sector     TEXT NOT NULL,
	prefecture TEXT NOT NULL,
	kind       TEXT NOT NULL,
	realm      TEXT NOT NULL,
	public_key TEXT NOT NULL,
	account    TEXT NOT NULL,
	invited    BIGINT NOT NULL,
	joined     BIGINT NOT NULL,
	revoked    BIGINT NOT NULL,
	last_seen  BIGINT NOT NULL,
	online     BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX member_name ON member (realm, name) WHERE revoked = 0;
CREATE UNIQUE INDEX member_key ON member (public_key) WHERE public_key <> '' AND revoked = 0;

CREATE TABLE member_invite (
	hash       TEXT NOT NULL PRIMARY KEY,
	member_id  TEXT NOT NULL REFERENCES member (id),
	created    BIGINT NOT NULL,
	expires    BIGINT NOT NULL,
	used       BIGINT NOT NULL,
	public_key TEXT NOT NULL
);
CREATE INDEX member_invite_member ON member_invite (member_id);

CREATE TABLE user_account (
	id           TEXT NOT NULL PRIMARY KEY,
	name         TEXT NOT NULL,
	login        TEXT NOT NULL UNIQUE,
	role         TEXT NOT NULL,
	member_id    TEXT NOT NULL,
	lang         TEXT NOT NULL,
	zone         TEXT NOT NULL,
	password     TEXT NOT NULL,
	created      BIGINT NOT NULL,
	disabled     BIGINT NOT NULL,
	last_sign_in BIGINT NOT NULL
);
CREATE INDEX user_account_member ON user_account (member_id);

CREATE TABLE login_link (
	hash    TEXT NOT NULL PRIMARY KEY,
	user_id TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used    BIGINT NOT NULL
);
CREATE INDEX login_link_user ON login_link (user_id);

CREATE TABLE session (
	hash    TEXT NOT NULL PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	user_id TEXT NOT NULL REFERENCES user_account (id),
	created BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	address TEXT NOT NULL,
	agent   TEXT NOT NULL
);
CREATE INDEX session_by_user ON session (user_id);

CREATE TABLE api_token (
	id        TEXT NOT NULL PRIMARY KEY,
	hash      TEXT NOT NULL UNIQUE,
	name      TEXT NOT NULL,
	user_id   TEXT NOT NULL,
	member_id TEXT NOT NULL,
	role      TEXT NOT NULL,
	created   BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	revoked   BIGINT NOT NULL
);
CREATE INDEX api_token_user ON api_token (user_id);
CREATE INDEX api_token_member ON api_token (member_id);

CREATE TABLE sign_in_attempt (
	subject TEXT NOT NULL PRIMARY KEY,
	n       BIGINT NOT NULL,
	since   BIGINT NOT NULL
);
CREATE INDEX sign_in_attempt_since ON sign_in_attempt (since);

CREATE TABLE audit (
	id         TEXT NOT NULL PRIMARY KEY,
	at         BIGINT NOT NULL,
	actor      TEXT NOT NULL,
	actor_name TEXT NOT NULL,
	action     TEXT NOT NULL,
	subject    TEXT NOT NULL,
	detail     TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_subject ON audit (subject);

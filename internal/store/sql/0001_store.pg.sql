-- The store's own tables. The engines differ in how a number is counted up.

CREATE TABLE outbox (
	seq       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id        TEXT NOT NULL UNIQUE,
	topic     TEXT NOT NULL,
	body      BLOB NOT NULL,
	at        BIGINT NOT NULL,
	published BIGINT NOT NULL
);
CREATE INDEX outbox_pending ON outbox (seq) WHERE published = 0;
CREATE INDEX outbox_published ON outbox (published) WHERE published > 0;

CREATE TABLE consumed (
	consumer TEXT NOT NULL,
	id       TEXT NOT NULL,
	at       BIGINT NOT NULL,
	PRIMARY KEY (consumer, id)
);
CREATE INDEX consumed_at ON consumed (at);

CREATE TABLE setting (
	key   TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL,
	at    BIGINT NOT NULL
);

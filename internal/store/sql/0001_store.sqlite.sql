-- The store's own tables. The engines differ in how a number is counted up.

CREATE TABLE outbox (
	seq   INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the commits
	id    TEXT NOT NULL UNIQUE,
	topic TEXT NOT NULL,
	lane  TEXT NOT NULL, -- the member whose doing it is; '' is the hub itself
	body  BLOB NOT NULL,
	at    BIGINT NOT NULL
);
CREATE INDEX outbox_lane ON outbox (lane, seq);
CREATE INDEX outbox_at ON outbox (at);

-- Which topics a consumer reads.
CREATE TABLE outbox_consumer (
	consumer TEXT NOT NULL,
	topic    TEXT NOT NULL,
	PRIMARY KEY (consumer, topic)
) WITHOUT ROWID;

-- How far a consumer is: it has handled all of the lane up to seq.
CREATE TABLE outbox_cursor (
	consumer TEXT NOT NULL,
	lane     TEXT NOT NULL,
	seq      BIGINT NOT NULL,
	PRIMARY KEY (consumer, lane)
) WITHOUT ROWID;

-- What a consumer could not handle.
CREATE TABLE outbox_aside (
	consumer TEXT NOT NULL,
	seq      BIGINT NOT NULL,
	id       TEXT NOT NULL,
	topic    TEXT NOT NULL,
	lane     TEXT NOT NULL,
	body     BLOB NOT NULL,
	at       BIGINT NOT NULL,
	failed   BIGINT NOT NULL,
	kind     TEXT NOT NULL, -- of the fault
	reason   TEXT NOT NULL,
	PRIMARY KEY (consumer, seq)
);

CREATE TABLE setting (
	key   TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL,
	at    BIGINT NOT NULL
);
